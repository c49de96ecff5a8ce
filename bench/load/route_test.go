package load

import (
	"math/rand/v2"
	"slices"
	"testing"
)

var inTurn = []string{"/a", "/a/b", "/a/b/c", "/d", "/dd"}

// TestRoutes checks which messages a subscription receives.
func TestRoutes(t *testing.T) {
	for _, test := range []struct {
		subscription []string
		want         []uint64 // the received ones of the first ten messages
	}{
		{[]string{"/"}, []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{[]string{"/a"}, []uint64{0, 1, 2, 5, 6, 7}},
		{[]string{"/a/b"}, []uint64{1, 2, 6, 7}},
		{[]string{"/d"}, []uint64{3, 8}},
		{[]string{"/a/b/c", "/d"}, []uint64{2, 3, 7, 8}},
	} {
		r := newRoute(test.subscription, inTurn)
		var got []uint64
		for n := r.due(0); n < 10; n = r.due(n + 1) {
			got = append(got, n)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q receives %v, want %v", test.subscription, got, test.want)
		}
	}
	if !newRoute([]string{"/ab", "/a/b/c/d"}, inTurn).isEmpty() {
		t.Error("a subscription receives messages of namespaces that it does not cover")
	}
}

// TestTrackDetectsFaults checks random streams with at most one fault, and verifies that every
// fault is detected.
func TestTrackDetectsFaults(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		r := newRoute([][]string{{"/"}, {"/a"}, {"/d", "/a/b"}}[random.IntN(3)], inTurn)
		var stream []uint64
		start := random.Uint64N(100)
		for n := r.due(start); len(stream) < 20; n = r.due(n + 1) {
			stream = append(stream, n)
		}
		at := 1 + random.IntN(18)
		fault := random.IntN(5)
		switch fault {
		case 1:
			stream = slices.Delete(stream, at, at+1)
		case 2:
			stream = slices.Insert(stream, at, stream[at])
		case 3:
			stream[at], stream[at+1] = stream[at+1], stream[at]
		case 4:
			stream[at] += 1 << 20
		}
		tr := track{least: start, most: r.due(start)}
		seen := slices.ContainsFunc(stream, func(n uint64) bool { return !tr.accept(r, n) })
		if seen != (fault != 0) {
			t.Fatalf("fault %d at %d of %v: detected is %v", fault, at, stream, seen)
		}
	}
}

// TestFirstMessageAfterJoining checks which message may be the first after a subscriber joined.
func TestFirstMessageAfterJoining(t *testing.T) {
	r := newRoute([]string{"/a"}, inTurn) // 0 1 2 5 6 7 10
	for n, want := range map[uint64]bool{1: false, 2: true, 5: true, 6: true, 7: false, 4: false} {
		tr := track{least: 2, most: r.due(6)}
		if got := tr.accept(r, n); got != want {
			t.Errorf("first message %d: due is %v, want %v", n, got, want)
		}
	}
}
