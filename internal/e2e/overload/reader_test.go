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

// A reader is a raw connection that subscribes to a script's namespace. It reads only when run is
// called, and then checks every byte.
type reader struct {
	ledger.Counter
	*testtool.Stream
	script script
	done   chan struct{} // closed when run returns; then the fields below are valid

	retry bool  // a reconnection time was received
	err   error // why reading stopped; io.EOF after a clean close
}

// A place describes a source and a target of connections.
type place struct {
	testtool.Dialer
	address string // host:port, or the path of a unix socket
}

// subscribe connects, subscribes to a script's namespace and reads the response head. From then on,
// no message may be missed. The connection is closed at the end of the test.
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
	return &reader{Stream: stream, script: s, done: make(chan struct{})}, stream.Check()
}

// run reads until the connection is closed.
func (r *reader) run() {
	defer close(r.done)
	for r.err == nil {
		r.err = r.readBlock()
	}
}

// readBlock reads one frame or comment. A message must be the next one of the script, after the
// messages that a gap event reports as missed.
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

// is reports whether a block has exactly the given format, with one number, which it stores.
func is(block []byte, format string, number *int) bool {
	n, _ := fmt.Sscanf(string(block), format, number)
	return n == 1 && string(block) == fmt.Sprintf(format, *number)
}

// wantAll waits until every reader has received message n-1.
func wantAll(t *testing.T, readers []*reader, n int) {
	t.Helper()
	behind := 0 // the readers before this one are done
	testtool.WaitFor(t, fmt.Sprintf("all %[2]d readers to receive message %[1]d", n-1, len(readers)), func() bool {
		for ; behind < len(readers); behind++ {
			r := readers[behind]
			select {
			case <-r.done:
				t.Fatalf("reader %d of %d stopped at message %d of %d: %v", behind, len(readers), r.Next(), n, r.err)
			default:
			}
			if r.Next() < n {
				return false
			}
		}
		return true
	})
}

// wantEnd waits until a reader's connection is closed.
func (r *reader) wantEnd(t *testing.T) {
	t.Helper()
	select {
	case <-r.done:
	case <-time.After(testtool.Patience):
		t.Fatalf("the connection is still open after %v", testtool.Patience)
	}
}

// wantReset waits until the daemon resets a connection, without reading from it.
func (r *reader) wantReset(t *testing.T) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(r.fd(t))}} // POLLERR and POLLHUP are always reported
	if n, err := unix.Poll(fds, int(testtool.Patience.Milliseconds())); n != 1 {
		t.Fatalf("the connection is still open after %v (%v)", testtool.Patience, err)
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
