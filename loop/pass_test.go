package loop

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
)

// TestRoundQueue follows the queue of a round step by step. It appends before, during and after the
// walk over an audience.
func TestRoundQueue(t *testing.T) {
	a := &audience{subscribers: make([]*subscriber, 3)}
	var r round
	r.add(a)
	if !a.inRound || a.unvisited != 3 || a.walkAgain {
		t.Fatalf("after the first append: %+v", a)
	}
	r.add(a)
	if len(r.queue) != 1 || a.walkAgain {
		t.Fatal("a message appended before the walk begins must not cause a second walk")
	}
	a.unvisited = 1 // two subscribers were pumped, then the pass yielded
	r.add(a)
	if len(r.queue) != 1 || !a.walkAgain {
		t.Fatal("subscribers that were pumped already would miss the new message")
	}
	r.first++
	if !r.empty() {
		t.Fatal("a popped audience is still in the queue")
	}
}

// TestLeaveMovesTheLastSubscriber verifies that removing a subscriber keeps the places of the
// others correct. Only a visited subscriber may move to the visited part of the list.
func TestLeaveMovesTheLastSubscriber(t *testing.T) {
	l := &Loop{shared: NewShared(&Config{}, 1)}
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
		t.Errorf("the place is not filled with the last subscriber, or the walk skips subs[3]")
	}
	for i, s := range a.subscribers {
		if int(s.place) != i {
			t.Errorf("the subscriber at %d has the place %d", i, s.place)
		}
	}
	a.leave(a.subscribers[3])
	if a.unvisited != 3 {
		t.Errorf("the walk would continue at %d of %d", a.unvisited, len(a.subscribers))
	}
}

// TestIdleStreamReleasesMemory verifies that the memory of a stream is freed after a whole tick
// without messages, but not while a subscriber lags.
func TestIdleStreamReleasesMemory(t *testing.T) {
	l := &Loop{shared: NewShared(&Config{}, 1)}
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
		t.Fatal("the memory was freed although a subscriber lags")
	}
	a.lagging = 0
	a.stream.Advance(&s.cursor, 8)
	a.rewind()
	l.releaseIdle()
	if len(l.holdingMemory) != 0 || a.holdsMemory {
		t.Error("the memory of a quiet audience was not freed")
	}
}

// TestSendNeverBlocks verifies that send does not block on a full socket in blocking mode.
func TestSendNeverBlocks(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0) // blocking sockets
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
			t.Fatal("the socket never becomes full")
		}
	}
	unix.Close(fds[1])
	if _, errno := send(fds[0], b); errno != unix.EPIPE && errno != unix.ECONNRESET {
		t.Errorf("send on a broken connection: %v", errno)
	}
}

// executions counts the functions that the loop asks gnet to run at the end of a turn.
type executions struct {
	gnet.EventLoop
	n int
}

func (e *executions) Execute(context.Context, gnet.Runnable) error {
	e.n++
	return nil
}

// fdConn is a connection of which only the descriptor is used.
type fdConn struct {
	gnet.Conn
	fd int
}

func (c fdConn) Fd() int { return c.fd }

// TestPassDoesNotScheduleTheNext verifies that a pass that admits a waiting publisher leaves the
// next pass to the wakeup. gnet would run a pass that is scheduled during a pass before it looks at
// any socket.
func TestPassDoesNotScheduleTheNext(t *testing.T) {
	opts := Config{BacklogTotalBytesMax: 1 << 20, Logger: slog.New(slog.DiscardHandler)}
	l, err := New(opts, NewShared(&opts, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sockets, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sockets[0])
	defer unix.Close(sockets[1])
	set, err := nsindex.NewSet("/n")
	if err != nil {
		t.Fatal(err)
	}
	conn := fdConn{fd: sockets[0]}
	a := l.audienceOf(set)
	a.join(&subscriber{client: client{conn: conn}})
	var engine executions
	l.engine = &engine
	p := &publisher{
		client:  client{conn: conn},
		unread:  []byte("PUB /n - x\n"),
		session: publish.NewSession(&publish.Config{Auth: noTokens{new(atomic.Pointer[auth.Table])}}),
		replier: directReplier{l},
		queued:  true,
	}
	l.waitingPublishers = []*publisher{p}
	l.round.add(a)
	l.schedulePass()
	if engine.n != 1 {
		t.Fatalf("%d passes are scheduled for the first message, want 1", engine.n)
	}
	if err := l.runPass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.round.empty() || engine.n != 1 || l.round.scheduled {
		t.Errorf("after a pass that admitted a publisher: round empty %v, %d passes scheduled, one is scheduled now: %v", l.round.empty(), engine.n, l.round.scheduled)
	}
}
