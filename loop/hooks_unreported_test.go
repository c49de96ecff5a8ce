package loop

import (
	"testing"
	"time"
)

// TestUnreportedWakesTheHooks: between the look at how many wait and the count of who
// is not reported, the hooks may have run out of calls. Nobody else wakes them then.
func TestUnreportedWakesTheHooks(t *testing.T) {
	told := make(chan int)
	h := newHooks(&Options{OnUnreported: func(came, _ int) { told <- came }, ReportsMax: 1})
	go h.run()
	h.pending.Store(1) // what the loop saw, and is no more
	for range 100 {    // the first ones may find it awake
		h.came(nil, &loop{})
		select {
		case n := <-told:
			if n != 1 {
				t.Fatalf("it is told of %d", n)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("OnUnreported is not called")
		}
	}
}
