package attackers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// An attacker is one raw connection to the daemon.
type attacker struct {
	conn   *net.TCPConn
	stream *bufio.Reader
}

// sources is how many loopback addresses attackers come from: one alone has too
// few ports for a crowd.
const sources = 8

// connect opens the i-th connection. It is closed when the test ends.
func (s *attack) connect(t *testing.T, i int) (*attacker, error) {
	dialer := testtool.Dialer{From: net.IPv4(127, 0, 66, byte(1+i%sources))}
	conn, err := dialer.Dial(t.Context(), s.host)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return &attacker{conn.(*net.TCPConn), bufio.NewReaderSize(conn, 512)}, nil
}

func (s *attack) dial(t *testing.T, i int) *attacker {
	t.Helper()
	a, err := s.connect(t, i)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// crowd opens n connections, and sends the same on each.
func (s *attack) crowd(t *testing.T, n int, opening string) []*attacker {
	t.Helper()
	all := make([]*attacker, n)
	failed, err := testtool.AtATime(n, func(i int) (err error) {
		if all[i], err = s.connect(t, i); err == nil && opening != "" {
			_, err = io.WriteString(all[i].conn, opening)
		}
		return err
	})
	if err != nil {
		t.Fatalf("%d of %d attackers could not begin: %v", failed, n, err)
	}
	return all
}

func (a *attacker) send(t *testing.T, text string) {
	t.Helper()
	a.conn.SetWriteDeadline(time.Now().Add(testtool.Patience))
	if _, err := io.WriteString(a.conn, text); err != nil {
		t.Fatalf("cannot send: %v", err)
	}
}

// wantStream reads the head that begins a stream.
func (a *attacker) wantStream(t *testing.T) *testtool.Stream {
	t.Helper()
	s, err := testtool.ReadHead(a.conn)
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An answer is a final one, with its body.
type answer struct {
	status int
	body   string
}

// readAnswer reads an answer to the end of the connection, which must come after
// it at once and in order: a reset could have eaten the answer. A body that is
// shorter than it was said to be is an error, and so is anything after it.
func (a *attacker) readAnswer(method string) (answer, error) {
	a.conn.SetReadDeadline(time.Now().Add(headerTimeout + grace))
	response, err := http.ReadResponse(a.stream, &http.Request{Method: method})
	if err != nil {
		return answer{}, fmt.Errorf("no answer: %w", err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("the body ends with %q: %w", body, err)
	}
	rest, err := io.ReadAll(a.stream)
	if err != nil || len(rest) > 0 {
		return answer{}, fmt.Errorf("after the answer: %q, %v", rest, err)
	}
	if !response.Close {
		return answer{}, fmt.Errorf("the connection was closed, but the answer says %v", response.Header)
	}
	return answer{response.StatusCode, string(body)}, nil
}

// isTold wants a status, and one line of text that says some words.
func (a *attacker) isTold(status int, says string) error {
	got, err := a.readAnswer("GET")
	if err == nil && (got.status != status || !strings.Contains(got.body, says) || strings.Index(got.body, "\n") != len(got.body)-1) {
		err = fmt.Errorf("got %d %q, want %d and one line that says %q", got.status, got.body, status, says)
	}
	return err
}

// reset ends the connection with a RST.
func (a *attacker) reset() error {
	a.conn.SetLinger(0)
	return a.conn.Close()
}
