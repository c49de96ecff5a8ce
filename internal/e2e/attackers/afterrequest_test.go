package attackers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestFloodOfRequests verifies that the daemon stops reading a connection that sends only requests,
// as fast as it can, after a first request that was answered. The daemon keeps and serves none of
// the further requests. It tolerates some bytes from a subscriber, which may be a client's mistake,
// and gives a refused client a limited time to read the response.
func TestFloodOfRequests(t *testing.T) {
	testtool.Long(t, "it waits for timeouts")
	floods := []struct{ name, first, answer string }{
		{"of a subscriber", get("/flood"), "HTTP/1.1 200 "},
		{"of a refused client", "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 "},
	}
	for _, tt := range floods {
		t.Run(tt.name, func(t *testing.T) {
			s := startAttack(t)
			crowd := s.crowd(t, 8, tt.first)
			eachOf(t, crowd, func(a *attacker) error { return a.flood(tt.answer) })
			s.wantGone(t, 0)
			s.wantUnharmed(t, bound(len(crowd), 0))
		})
	}
}

// flood sends requests until the daemon closes the connection, and expects only the response to the
// request that the attacker sent before.
func (a *attacker) flood(answer string) error {
	head := make([]byte, len(answer))
	a.conn.SetDeadline(time.Now().Add(lingerTime + grace))
	if _, err := io.ReadFull(a.stream, head); err != nil || string(head) != answer {
		return fmt.Errorf("the response begins with %q, %v, want %q", head, err, answer)
	}
	block, sent := []byte(strings.Repeat(get(common), 1<<20/len(get(common)))), 0
	for {
		n, err := a.conn.Write(block)
		if sent += n; errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("the daemon still reads after %d bytes", sent)
		}
		if err != nil {
			break
		}
	}
	rest, _ := io.ReadAll(a.stream) // until the reset
	if bytes.Contains(rest, []byte("HTTP/1.")) {
		return fmt.Errorf("there is a second response after %d bytes: %q", sent, rest)
	}
	return nil
}

// TestSecondRequestIsNeverServed verifies that a request is ignored if it follows another one on
// the same connection, even in the same packet. Request smuggling uses this to pass one client's
// request off as another's.
func TestSecondRequestIsNeverServed(t *testing.T) {
	second := get(common)
	requests := []struct {
		name, bytes string
		status      int
	}{
		{"after a refusal", "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" + second, 404},
		{"as a body", "POST /subscribe/pets HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
			"65\r\n\r\n" + second, 405},
		{"after an OPTIONS", strings.Replace(get("/pets"), "GET", "OPTIONS", 1) + second, 204},
	}
	s := startAttack(t)
	for _, tt := range requests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.dial(t, 0)
			a.send(t, tt.bytes)
			if got, err := a.readAnswer("GET"); err != nil || got.status != tt.status {
				t.Errorf("got %v, %v, want one response with status %d", got, err, tt.status)
			}
		})
	}
	t.Run("after a subscription", func(t *testing.T) {
		a := s.dial(t, 0)
		a.send(t, strings.Repeat(get("/pipeline"), 100)+second)
		if err := testtool.RoundTrip(testtool.DialPublisher(t, s.daemon.Publish[0]), a.wantStream(t), "/pipeline", "once", atOnce); err != nil {
			t.Error(err)
		}
		a.conn.Close()
	})
	s.wantGone(t, lingerTime)
	s.wantUnharmed(t, bound(len(requests)+1, headBytesMax))
}

// TestHalfClosed verifies that the daemon does not wait for a client that closes its half of the
// connection. If the client's request was complete, it gets the response first.
func TestHalfClosed(t *testing.T) {
	whole := get("/half")
	tests := []struct {
		name, opening string
		gets          string // the beginning of the response; "" means no response at all
	}{
		{"silent", "", ""},
		{"half a head", whole[:len(whole)/2], ""},
		{"a refused request", "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 "},
		{"a subscription", whole, "HTTP/1.1 200 "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startAttack(t)
			crowd := s.crowd(t, 500, tt.opening)
			eachOf(t, crowd, func(a *attacker) error {
				if err := a.conn.CloseWrite(); err != nil {
					return err
				}
				a.conn.SetReadDeadline(time.Now().Add(testtool.Patience))
				got, err := io.ReadAll(a.stream)
				if err != nil || !strings.HasPrefix(string(got), tt.gets) || (tt.gets == "") != (len(got) == 0) {
					return fmt.Errorf("got %q, %v, want %q", got, err, tt.gets)
				}
				return nil
			})
			s.wantGone(t, 0)
			s.wantUnharmed(t, bound(len(crowd), headBytesMax))
		})
	}
}

// TestResets verifies that clients that reset their connections at any point do no harm. The
// subscribed clients are in the bystander's namespace, so the daemon also writes messages to them.
func TestResets(t *testing.T) {
	whole := get(common)
	tests := []struct {
		name, opening string
		first         func(*attacker) error // before the reset
	}{
		{"before a head", "", nil},
		{"within a head", whole[:len(whole)/2], nil},
		{"right after a request", whole, nil},
		{"within a stream", whole, func(a *attacker) error {
			_, err := testtool.ReadHead(a.conn)
			return err
		}},
		{"right after a bad request", "BAD\r\n\r\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startAttack(t)
			crowd := s.crowd(t, 500, tt.opening)
			eachOf(t, crowd, func(a *attacker) error {
				if tt.first != nil {
					if err := tt.first(a); err != nil {
						return err
					}
				}
				return a.reset()
			})
			s.wantGone(t, 0)
			s.wantUnharmed(t, bound(len(crowd), headBytesMax))
		})
	}
}
