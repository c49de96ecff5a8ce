package overload

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// A reader is one raw connection that subscribes to a script's namespace. It
// reads when it is told to, and then checks every byte.
type reader struct {
	conn   net.Conn
	stream *bufio.Reader
	script script
	frame  []byte        // scratch
	pace   time.Duration // it waits so long before it takes more from its socket

	next atomic.Int64  // the message that has to come
	over chan struct{} // closed when run is over; the rest is set then

	messages, gaps int
	retry          bool  // it was told when to come back
	why            error // why reading ended: io.EOF where all was in order
}

// A place says from where to connect, and with what.
type place struct {
	address      string // host:port, or the path of a unix socket
	from         net.IP // source address; nil: any
	receiveBytes int    // SO_RCVBUF; 0: what the kernel likes
}

// dial connects, and gives the socket its receive buffer before: the window that
// the kernel offers at first cannot be taken back.
func (p place) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: testtool.Patience}
	if p.from != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: p.from}
	}
	if p.receiveBytes > 0 {
		dialer.Control = func(_, _ string, raw syscall.RawConn) (err error) {
			if failed := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, p.receiveBytes)
			}); failed != nil {
				return failed
			}
			return err
		}
	}
	if strings.HasPrefix(p.address, "/") {
		return dialer.DialContext(ctx, "unix", p.address)
	}
	return dialer.DialContext(ctx, "tcp", p.address)
}

// subscribe connects, asks for a script's namespace and reads the answer's head:
// from then on nothing may be missed. The connection is closed when the test ends.
func (p place) subscribe(t *testing.T, s script) (*reader, error) {
	conn, err := p.dial(t.Context())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	r := &reader{conn: conn, script: s, frame: make([]byte, s.frameBytes()), over: make(chan struct{})}
	r.stream = bufio.NewReaderSize(paced{r}, 512)
	conn.SetDeadline(time.Now().Add(testtool.Patience))
	if _, err := io.WriteString(conn, "GET /subscribe"+s.namespace+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return nil, err
	}
	head, err := http.ReadResponse(r.stream, nil)
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	conn.SetDeadline(time.Time{})
	if head.StatusCode != 200 || head.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		return nil, fmt.Errorf("the answer is %s, %v", head.Status, head.Header)
	}
	return r, nil
}

// paced is a reader's connection, read at its pace.
type paced struct{ r *reader }

func (p paced) Read(b []byte) (int, error) {
	if p.r.pace > 0 {
		time.Sleep(p.r.pace)
	}
	return p.r.conn.Read(b)
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
	first, err := r.stream.Peek(1)
	if err != nil {
		return err
	}
	switch first[0] {
	case 'd':
		if n, err := io.ReadFull(r.stream, r.frame); err != nil {
			return cut(r.frame[:n], err)
		}
		n, err := r.script.number(r.frame)
		if err == nil && int64(n) != r.next.Load() {
			err = fmt.Errorf("message %d should come, there is %d", r.next.Load(), n)
		}
		r.messages++
		r.next.Add(1)
		return err
	case ':':
		return r.want(sse.Keepalive)
	case 'r':
		r.retry = true
		_, err := r.number("retry:", "\n\n")
		return err
	}
	missed, err := r.number("event:gap\ndata:{\"reason\":\"slow\",\"missed\":", "}\n\n")
	r.gaps++
	r.next.Add(missed)
	return err
}

// number reads a number between two texts.
func (r *reader) number(before, after string) (int64, error) {
	if err := r.want(before); err != nil {
		return 0, err
	}
	digits, err := r.stream.ReadString(after[0])
	if err != nil {
		return 0, cut([]byte(digits), err)
	}
	n, err := strconv.ParseInt(digits[:len(digits)-1], 10, 64)
	if err != nil {
		return 0, err
	}
	return n, r.want(after[1:])
}

// want reads a text.
func (r *reader) want(text string) error {
	got := make([]byte, len(text))
	if n, err := io.ReadFull(r.stream, got); err != nil {
		return cut(got[:n], err)
	}
	if string(got) != text {
		return fmt.Errorf("got %s, want %q", shown(got), text)
	}
	return nil
}

// errCut says that a stream ended in the middle of a frame.
var errCut = errors.New("the stream ended in the middle of a frame")

func cut(frame []byte, err error) error {
	return fmt.Errorf("%w: after %s: %w", errCut, shown(frame), err)
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
				t.Fatalf("reader %d of %d ended at message %d of %d: %v", behind, len(readers), r.next.Load(), n, r.why)
			default:
			}
			if r.next.Load() < int64(n) {
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
	raw, err := r.conn.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(n uintptr) { fd = int(n) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}
