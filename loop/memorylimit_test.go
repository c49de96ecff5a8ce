package loop

import "testing"

// TestEvictShowsItsResult verifies that a loop does not evict because of memory that another loop
// has just freed.
func TestEvictShowsItsResult(t *testing.T) {
	loops := twoLoops(t)
	total := loops[0].opts.BacklogTotalBytesMax
	loops[0].prefixes.bytes = total * 6 / 10
	loops[1].prefixes.bytes = total * 5 / 10
	loops[1].publishBacklog()
	if !loops[0].mustEvict(0) {
		t.Fatal("a loop above its share need not evict, although the sum is too large")
	}
	loops[1].prefixes.bytes = total / 10 // as if evict had freed the rest
	loops[1].evict(0)
	if loops[0].mustEvict(0) {
		t.Error("a loop must evict because of memory that the other one has freed")
	}
}
