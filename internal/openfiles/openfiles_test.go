package openfiles

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestPublishers checks the default limit of publishers for several numbers of connections.
func TestPublishers(t *testing.T) {
	for places, want := range map[int]int{-5: 1, 0: 1, 3: 1, 8: 2, 768: 192, 4000: 1000, 1 << 20: 1000} {
		if got := Publishers(places); got != want {
			t.Errorf("Publishers(%d) = %d, want %d", places, got, want)
		}
	}
}

// TestLimit verifies that Limit returns the current soft limit.
func TestLimit(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	lowered := before
	lowered.Cur = before.Cur - 1
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lowered); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
	if got, want := Limit(), int(min(lowered.Cur, LimitMax)); got != want {
		t.Errorf("Limit() = %d, want %d", got, want)
	}
}
