package testtool

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Dialer connects raw clients. The zero value is ready to use.
type Dialer struct {
	From net.IP // source address; nil: any
	// ReceiveBytes is SO_RCVBUF; 0: the kernel's default. It is set before the socket
	// connects, because the kernel cannot reduce the window that it has offered.
	ReceiveBytes int
}

// Dial connects to a URL such as Daemon.Subscribe[0], a host:port, or the path of a unix
// socket. The caller closes the connection.
func (d Dialer) Dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: Patience}
	if d.From != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: d.From}
	}
	if d.ReceiveBytes > 0 {
		dialer.Control = func(_, _ string, raw syscall.RawConn) (err error) {
			if failed := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, d.ReceiveBytes)
			}); failed != nil {
				return failed
			}
			return err
		}
	}
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	if strings.HasPrefix(address, "/") {
		return dialer.DialContext(ctx, "unix", address)
	}
	return dialer.DialContext(ctx, "tcp", address)
}

// A Stream is a raw connection with one event stream. It reads only when the test calls a method,
// and then at most readAhead bytes ahead.
type Stream struct {
	Conn net.Conn
	Head *http.Response
	Body *bufio.Reader // of the response; chunks of a proxy are decoded

	block []byte
}

// readAhead is how many bytes a Stream reads at a time.
const readAhead = 512

// Get requests a target, such as "/subscribe/pets", and reads the head of the response. The stream
// misses no message that is published after Get returns. headers are "Name: value" lines. Host is
// localhost unless headers contain it.
func Get(conn net.Conn, target string, headers ...string) (*Stream, error) {
	conn.SetWriteDeadline(time.Now().Add(Patience))
	lines := append([]string{"GET " + target + " HTTP/1.1"}, headers...)
	if !slices.ContainsFunc(headers, func(line string) bool { return strings.HasPrefix(line, "Host: ") }) {
		lines = append(lines, "Host: localhost")
	}
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		return nil, err
	}
	return ReadHead(conn)
}

// ReadHead reads the head of the response to a GET request that was sent on a connection.
func ReadHead(conn net.Conn) (*Stream, error) {
	conn.SetReadDeadline(time.Now().Add(Patience))
	stream := bufio.NewReaderSize(conn, readAhead)
	head, err := http.ReadResponse(stream, nil)
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	conn.SetDeadline(time.Time{})
	return &Stream{Conn: conn, Head: head, Body: bufio.NewReaderSize(head.Body, readAhead)}, nil
}

// Check returns an error unless the response is an event stream.
func (s *Stream) Check() error {
	if s.Head.StatusCode != http.StatusOK || s.Head.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		return fmt.Errorf("the answer is %s, %v", s.Head.Status, s.Head.Header)
	}
	return nil
}

// Block reads the next frame, including its empty line, or the next comment line between two
// frames, such as a heartbeat. The block is valid until the next call. The error is io.EOF if the
// stream ends between two blocks.
func (s *Stream) Block() ([]byte, error) {
	s.block = s.block[:0]
	for {
		piece, err := s.Body.ReadSlice('\n')
		s.block = append(s.block, piece...)
		switch comment := len(s.block) > 0 && s.block[0] == ':'; {
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(s.block) == 0:
			return nil, io.EOF
		case err != nil:
			return nil, fmt.Errorf("the stream ended after %d bytes of a frame, %.80q: %w", len(s.block), s.block, err)
		case comment || bytes.HasSuffix(s.block, []byte("\n\n")):
			return s.block, nil
		}
	}
}

// Frame reads the next frame, and skips comments. Each block must arrive within Patience.
func (s *Stream) Frame() (string, error) {
	for {
		s.Conn.SetReadDeadline(time.Now().Add(Patience))
		block, err := s.Block()
		if err != nil || block[0] != ':' {
			return string(block), err
		}
	}
}

// WantFrame fails the test unless the next frame is want.
func (s *Stream) WantFrame(t testing.TB, want string) {
	t.Helper()
	if got, err := s.Frame(); err != nil || got != want {
		t.Fatalf("the next frame is %.100q (%d bytes), %v, want %.100q (%d bytes)", got, len(got), err, want, len(want))
	}
}

// OpenStream connects to a daemon's URL and requests a target. The response must have status 200.
// The connection is closed when the test ends.
func OpenStream(t testing.TB, url, target string, headers ...string) *Stream {
	t.Helper()
	Started(t, "a subscriber")
	conn, err := Dialer{}.Dial(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s, err := Get(conn, target, headers...)
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		t.Fatalf("GET %s at %s: %v", target, url, err)
	}
	return s
}
