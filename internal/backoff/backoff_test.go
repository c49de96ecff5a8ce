package backoff

import (
	"testing"
	"time"
)

// TestWait verifies that waits double up to their limit, and that they differ from call to call.
func TestWait(t *testing.T) {
	for _, tt := range []struct {
		first    time.Duration
		failures int
		from     time.Duration // lower bound; the upper bound is half as much again
	}{
		{0, 0, Min},
		{-1, 3, 8 * Min},
		{Default, 0, Default},
		{3 * time.Second, 0, 3 * time.Second},
		{3 * time.Second, 2, 12 * time.Second},
		{3 * time.Second, 3, DoubledMax},
		{3 * time.Second, 1 << 30, DoubledMax},
		{time.Minute, 5, time.Minute},
		{1 << 62, 9, Max},
	} {
		seen := map[time.Duration]bool{}
		for range 100 {
			wait := Wait(tt.first, tt.failures)
			if wait < tt.from || wait >= tt.from*3/2 {
				t.Fatalf("Wait(%v, %d) = %v, want %v to 1.5 times that", tt.first, tt.failures, wait, tt.from)
			}
			seen[wait] = true
		}
		if len(seen) < 50 {
			t.Errorf("Wait(%v, %d) returned only %d different times in 100 calls", tt.first, tt.failures, len(seen))
		}
	}
}
