package overload

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
	"github.com/ssed/ssed/sse"
)

// A reader is one raw connection that subscribes to a script's namespace. It
// reads when it is told to, and then checks every byte.
type reader struct {
	ledger.Counter
	*testtool.Stream
	script script
	over   chan struct{} // closed when run is over; the rest is set then

	retry bool  // it was asked to come back later
	why   error // why reading ended: io.EOF where all was in order
}

// A place says from where to connect, and to what.
type place struct {
	testtool.Dialer
	address string // host:port, or the path of a unix socket
}

// subscribe connects, asks for a script's namespace and reads the answer's head:
// from then on nothing may be missed. The connection is closed when the test ends.
func (p place) subscribe(t *testing.T, s script) (*reader, error) {
	conn, err := p.Dial(t.Context(), p.address)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	stream, err := testtool.Get(conn, "/subscribe"+s.namespace)
	if err != nil {
		return nil, err
	}
	return &reader{Stream: stream, script: s, over: make(chan struct{})}, stream.Check()
}

// run reads to the end of the connection.
func (r *reader) run() {
	defer close(r.over)
	for r.why == nil {
		r.why = r.readBlock()
	}
}

// readBlock reads one frame or comment. Every message must be the next one, or
// the first after those that a gap has told of.
func (r *reader) readBlock() error {
	block, err := r.Block()
	if err != nil {
		return err
	}
	number := 0
	switch {
	case bytes.HasPrefix(block, []byte("data:")):
		if number, err = r.script.number(block); err == nil {
			err = r.Message(number)
		}
		return err
	case string(block) == sse.Keepalive:
	case is(block, "retry:%d\n\n", &number):
		r.retry = true
	case is(block, "event:gap\ndata:{\"reason\":\"slow\",\"missed\":%d}\n\n", &number):
		r.Miss(number)
	default:
		return fmt.Errorf("got %s", shown(block))
	}
	return nil
}

// is reports whether a block is exactly that of a format with a number, which it reads.
func is(block []byte, format string, number *int) bool {
	n, _ := fmt.Sscanf(string(block), format, number)
	return n == 1 && string(block) == fmt.Sprintf(format, *number)
}

// wantAll waits until every reader has come to message n.
func wantAll(t *testing.T, readers []*reader, n int) {
	t.Helper()
	behind := 0 // those before it are there
	testtool.WaitFor(t, fmt.Sprintf("message %d to come to all %d", n-1, len(readers)), func() bool {
		for ; behind < len(readers); behind++ {
			r := readers[behind]
			select {
			case <-r.over:
				t.Fatalf("reader %d of %d ended at message %d of %d: %v", behind, len(readers), r.Next(), n, r.why)
			default:
			}
			if r.Next() < n {
				return false
			}
		}
		return true
	})
}

// wantEnd waits until a reader's connection has ended.
func (r *reader) wantEnd(t *testing.T) {
	t.Helper()
	select {
	case <-r.over:
	case <-time.After(testtool.Patience):
		t.Fatalf("the connection has not ended after %v", testtool.Patience)
	}
}

// wantReset waits until the daemon has reset a connection, of which nothing is
// read meanwhile.
func (r *reader) wantReset(t *testing.T) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(r.fd(t))}} // POLLERR and POLLHUP come unasked
	if n, err := unix.Poll(fds, int(testtool.Patience.Milliseconds())); n != 1 {
		t.Fatalf("the connection stands after %v (%v)", testtool.Patience, err)
	}
}

func (r *reader) fd(t *testing.T) (fd int) {
	t.Helper()
	raw, err := r.Conn.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(n uintptr) { fd = int(n) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}
