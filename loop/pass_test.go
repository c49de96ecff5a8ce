package loop

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/nsindex"
)

// TestRound follows the queue of a round by hand: what was appended
// before, while and after an audience is walked.
func TestRound(t *testing.T) {
	a := &audience{subscribers: make([]*subscriber, 3)}
	var r round
	r.add(a)
	if !a.inRound || a.unvisited != 3 || a.again {
		t.Fatalf("after the first append: %+v", a)
	}
	r.add(a)
	if len(r.queue) != 1 || a.again {
		t.Fatal("what comes before its walk begins needs no second one")
	}
	a.unvisited = 1 // two were pumped, then the pass yielded
	r.add(a)
	if len(r.queue) != 1 || !a.again {
		t.Fatal("those that were pumped already miss what came since")
	}
	r.first++
	if !r.empty() {
		t.Fatal("a popped audience is still in the queue")
	}
}

// TestLeavingMovesTheLast: a swap-delete keeps every place right, and moves only
// those that were visited into the part that is not to be visited any more.
func TestLeavingMovesTheLast(t *testing.T) {
	l := &Loop{}
	set, err := nsindex.NewSet("/n")
	if err != nil {
		t.Fatal(err)
	}
	a := l.audienceOf(set)
	if again := l.audienceOf(set); again != a {
		t.Fatal("the same set has two audiences")
	}
	var subs []*subscriber
	for range 5 {
		s := &subscriber{}
		a.join(s)
		subs = append(subs, s)
	}
	a.unvisited = 4 // the walk has pumped subs[4]
	a.leave(subs[1])
	if a.subscribers[1] != subs[4] || a.unvisited != 4 {
		t.Errorf("the hole is not filled by the last one, or the walk forgot subs[3]")
	}
	for i, s := range a.subscribers {
		if int(s.place) != i {
			t.Errorf("the one at %d believes to be at %d", i, s.place)
		}
	}
	a.leave(a.subscribers[3])
	if a.unvisited != 3 {
		t.Errorf("the walk would go on at %d of %d", a.unvisited, len(a.subscribers))
	}
}

// TestQuietAudienceCoolsDown: its stream's memory goes once it was quiet for a
// whole tick, and not while somebody lags.
func TestQuietAudienceCoolsDown(t *testing.T) {
	l := &Loop{}
	set, _ := nsindex.NewSet("/n")
	a := l.audienceOf(set)
	s := &subscriber{}
	a.join(s)
	a.stream.Append([]byte("data:x\n\n"))
	l.trackMemory(a)
	a.lagging = 1
	l.releaseIdle()
	l.releaseIdle()
	if l.pool.Retained() == 0 || len(l.holdingMemory) != 1 {
		t.Fatal("the memory went although somebody lags")
	}
	a.lagging = 0
	a.stream.Advance(&s.cursor, 8)
	a.rewind()
	l.releaseIdle()
	if len(l.holdingMemory) != 0 || a.holdsMemory {
		t.Error("a quiet audience is kept warm")
	}
}

func TestSendNeverBlocks(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0) // blocking ones
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	b := make([]byte, 1<<20)
	for total := 0; ; {
		n, errno := send(fds[0], b)
		if errno == unix.EAGAIN {
			break
		}
		if errno != 0 {
			t.Fatal(errno)
		}
		if total += n; total > 1<<30 {
			t.Fatal("it never gets full")
		}
	}
	unix.Close(fds[1])
	if _, errno := send(fds[0], b); errno != unix.EPIPE && errno != unix.ECONNRESET {
		t.Errorf("a broken connection answers %v", errno)
	}
}
