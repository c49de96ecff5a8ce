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

// TestFlood: some connections send nothing but requests, as fast as they can,
// after a first one that was answered. Nothing of it is kept, nothing is served,
// and the daemon does not listen to it for long: not beyond what a slip of a
// client could be, where it is subscribed, nor beyond the time to read why,
// where it was refused.
func TestFlood(t *testing.T) {
	testtool.Long(t, "it waits for time-outs")
	floods := []struct{ name, first, answer string }{
		{"of a subscriber", get("/flood"), "HTTP/1.1 200 "},
		{"of one that was refused", "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 "},
	}
	for _, tt := range floods {
		t.Run(tt.name, func(t *testing.T) {
			s := startAttack(t)
			crowd := s.crowd(t, 8, tt.first)
			eachOf(t, crowd, func(a *attacker) error { return a.flood(tt.answer) })
			s.wantGone(t, 0)
			s.wantPeace(t, bound(len(crowd), 0))
		})
	}
}

// flood sends requests until the daemon has had enough, and wants no answer but
// the one to the request that came before.
func (a *attacker) flood(answer string) error {
	head := make([]byte, len(answer))
	a.conn.SetDeadline(time.Now().Add(lingerTime + grace))
	if _, err := io.ReadFull(a.stream, head); err != nil || string(head) != answer {
		return fmt.Errorf("the answer begins with %q, %v, want %q", head, err, answer)
	}
	block, sent := []byte(strings.Repeat(get(common), 1<<20/len(get(common)))), 0
	for {
		n, err := a.conn.Write(block)
		if sent += n; errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("the daemon still takes it after %d bytes", sent)
		}
		if err != nil {
			break
		}
	}
	rest, _ := io.ReadAll(a.stream) // to the reset
	if bytes.Contains(rest, []byte("HTTP/1.")) {
		return fmt.Errorf("%d bytes later there is a second answer: %q", sent, rest)
	}
	return nil
}

// TestSecondRequestIsNeverServed, though it comes in the same bytes: requests
// behind a first one are how one client's request is smuggled into another's.
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
				t.Errorf("got %v, %v, want one answer %d", got, err, tt.status)
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
	s.wantPeace(t, bound(len(requests)+1, headBytesMax))
}

// TestHalfClosed: who ends its half of the connection is not waited for, and
// gets the answer to a request that was whole.
func TestHalfClosed(t *testing.T) {
	whole := get("/half")
	tests := []struct {
		name, opening string
		gets          string // how what comes back begins; nothing else may
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
			s.wantPeace(t, bound(len(crowd), headBytesMax))
		})
	}
}

// TestResets in the middle of everything. Those that are subscribed stand in the
// same stream as the bystander, whose messages are written to them, too.
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
			s.wantPeace(t, bound(len(crowd), headBytesMax))
		})
	}
}
