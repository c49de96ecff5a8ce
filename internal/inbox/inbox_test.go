package inbox_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/inbox"
)

// TestTakeKeepsOrderAndWakesOnce verifies that Take returns all items in order, and that only the
// first item calls wake.
func TestTakeKeepsOrderAndWakesOnce(t *testing.T) {
	wakes := 0
	box := inbox.New[int](func() { wakes++ })
	if got := box.Take(nil); len(got) != 0 || wakes != 0 {
		t.Fatalf("an empty inbox gives %v after %d wakes", got, wakes)
	}
	for i := range 3 {
		box.Put(i)
	}
	if got := box.Take(nil); !slices.Equal(got, []int{0, 1, 2}) || wakes != 1 {
		t.Errorf("Take returns %v after %d wakes, want [0 1 2] after one", got, wakes)
	}
	box.Put(3)
	if wakes != 2 {
		t.Errorf("the first item after Take wakes %d times, want once", wakes-1)
	}
}

// TestPutBelowKeepsTheLimit verifies that PutBelow refuses an item above the limit.
func TestPutBelowKeepsTheLimit(t *testing.T) {
	box := inbox.New[string](func() {})
	if !box.PutBelow(1, "first") || box.PutBelow(1, "second") {
		t.Error("PutBelow(1) must accept one item and refuse a second")
	}
	if got := box.Take(nil); !slices.Equal(got, []string{"first"}) {
		t.Errorf("the inbox holds %q", got)
	}
}

// TestPutBackGoesBeforeNewerItems verifies that returned items go before items that were added
// after Take, and that PutBack calls wake again.
func TestPutBackGoesBeforeNewerItems(t *testing.T) {
	wakes := 0
	box := inbox.New[int](func() { wakes++ })
	box.Put(1)
	box.Put(2)
	taken := box.Take(nil)
	box.Put(3)
	box.PutBack(taken[1:])
	box.PutBack(nil)
	if got := box.Take(nil); !slices.Equal(got, []int{2, 3}) || wakes != 3 {
		t.Errorf("Take returns %v after %d wakes, want [2 3] after 3", got, wakes)
	}
}

// TestSpareMemoryIsUsed verifies that Take reuses the slice spare.
func TestSpareMemoryIsUsed(t *testing.T) {
	box := inbox.New[int](func() {})
	spare := make([]int, 5, 8)
	if got := box.Take(spare); len(got) != 0 || cap(got) != cap(spare) {
		t.Errorf("an empty inbox returns %v of capacity %d, want the spare slice, empty", got, cap(got))
	}
	box.Put(1)
	box.Take(spare)
	box.Put(2)
	if got := box.Take(nil); len(got) != 1 || &got[0] != &spare[0] {
		t.Errorf("items %v are not stored in the spare slice", got)
	}
}

// TestConcurrentPutLosesNothing verifies that every item of several concurrent writers arrives
// once, and that the items of one writer stay in order. The reader sleeps until wake is called.
func TestConcurrentPutLosesNothing(t *testing.T) {
	const writers, each = 8, 1000
	woken := make(chan struct{}, 1)
	box := inbox.New[[2]int](func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				box.Put([2]int{w, i})
			}
		})
	}
	var next [writers]int
	var spare [][2]int
	for got := 0; got < writers*each; {
		<-woken
		items := box.Take(spare)
		for _, item := range items {
			if w, i := item[0], item[1]; next[w] != i {
				t.Fatalf("item %d of writer %d arrives, want item %d", i, w, next[w])
			}
			next[item[0]]++
		}
		got += len(items)
		spare = items
	}
	wg.Wait()
}
