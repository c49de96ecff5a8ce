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

// sources is the number of loopback addresses that attackers connect from. One address has too few
// ports for a crowd.
const sources = 8

// connect opens the i-th connection. It is closed at the end of the test.
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

// crowd opens n connections, and sends the same opening on each.
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
		t.Fatalf("%d of %d attackers could not connect: %v", failed, n, err)
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

// wantStream reads the response head at the beginning of a stream.
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

// An answer is a complete response: its status and body.
type answer struct {
	status int
	body   string
}

// readAnswer reads a response and requires that the daemon then closes the connection in order. A
// reset could have destroyed the response. A body shorter than announced is an error, and so is any
// byte after the response.
func (a *attacker) readAnswer(method string) (answer, error) {
	a.conn.SetReadDeadline(time.Now().Add(headerTimeout + grace))
	response, err := http.ReadResponse(a.stream, &http.Request{Method: method})
	if err != nil {
		return answer{}, fmt.Errorf("no response: %w", err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("the body ends with %q: %w", body, err)
	}
	rest, err := io.ReadAll(a.stream)
	if err != nil || len(rest) > 0 {
		return answer{}, fmt.Errorf("after the response: %q, %v", rest, err)
	}
	if !response.Close {
		return answer{}, fmt.Errorf("the connection was closed, but the header lacks Connection: close: %v", response.Header)
	}
	return answer{response.StatusCode, string(body)}, nil
}

// wantRefusal expects a status, and a body of one line that contains some words.
func (a *attacker) wantRefusal(status int, words string) error {
	got, err := a.readAnswer("GET")
	if err == nil && (got.status != status || !strings.Contains(got.body, words) || strings.Index(got.body, "\n") != len(got.body)-1) {
		err = fmt.Errorf("got %d %q, want %d and one line with %q", got.status, got.body, status, words)
	}
	return err
}

// reset closes the connection with a RST.
func (a *attacker) reset() error {
	a.conn.SetLinger(0)
	return a.conn.Close()
}
