package overload

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// An ending is one way in which a subscriber that has received some messages is disconnected.
type ending struct {
	reason  string
	thin    bool // it has a tiny receive buffer, and never reads
	args    []string
	limits  limits
	provoke func(t *testing.T, s *scenario, r *reader, others []*reader) (published int)
}

const (
	newsData      = 1000
	earlyMessages = 7 // messages published before the provocation
)

// roomy are limits that these tests do not reach.
var roomy = limits{conns: 10, dataBytes: 20_000, backlogBytes: 4 << 20, backlogTotalBytes: 8 << 20, sendBufferBytes: 8 << 10}

var endings = []ending{
	{reason: "left", limits: roomy, provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
		r.Conn.Close()
		return earlyMessages
	}},
	{reason: "reset", limits: roomy, provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
		r.Conn.(*net.TCPConn).SetLinger(0)
		r.Conn.Close()
		return earlyMessages
	}},
	{reason: "kicked", limits: roomy, provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
		testtool.WaitFor(t, "the daemon to close the connection", func() bool {
			_, err := io.WriteString(r.Conn, "GET /subscribe/more HTTP/1.1\r\nHost: localhost\r\n\r\n")
			return err != nil
		})
		return earlyMessages
	}},
	{reason: "shutdown", limits: roomy, provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
		s.End()
		if err := s.daemon.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		r.wantEnd(t)
		if r.err != io.EOF || !r.retry {
			t.Errorf("the stream ended with %v; retry received: %v", r.err, r.retry)
		}
		return earlyMessages
	}},
	{reason: "stalled", thin: true, limits: roomy, args: []string{"--stall-timeout=1s"},
		provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
			s.play(t, r.script, earlyMessages, 300, 64<<10, others)
			return 300
		}},
	{reason: "slow", thin: true, limits: limits{conns: 10, dataBytes: 20_000, backlogBytes: 150_000, sendBufferBytes: 8 << 10},
		provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
			n := earlyMessages
			for ; len(endsOf(s.daemon.Log())) == 0 && n < 1000; n++ {
				s.play(t, r.script, n, n+1, 1, others)
			}
			return n
		}},
	{reason: "evicted", thin: true, limits: limits{conns: 10, dataBytes: 20_000, backlogBytes: 1 << 20, backlogTotalBytes: 3 << 19, sendBufferBytes: 8 << 10},
		provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
			s.play(t, r.script, earlyMessages, 800, 64<<10, others)
			more := script{"/more", newsData} // a subscriber that is not as far behind
			s.crowd(t, 1, s.thin(), more)
			s.publish(t, more, 0, 500)
			return 800
		}},
}

// TestEveryDisconnectionIsLogged verifies that the log has exactly one line for each disconnection,
// with the right reason and numbers.
func TestEveryDisconnectionIsLogged(t *testing.T) {
	for _, tt := range endings {
		t.Run(tt.reason, func(t *testing.T) {
			t.Parallel()
			s := open(t, tt.limits, tt.args...)
			news := script{"/news", newsData}
			others := s.audience(t, 2, news)
			p := s.place
			if tt.thin {
				p = s.thin()
			}
			before := time.Now()
			r := s.crowd(t, 1, p, news)[0]
			between := time.Now()
			if !tt.thin {
				start([]*reader{r})
				s.play(t, news, 0, earlyMessages, 1, append(others, r))
			} else {
				s.play(t, news, 0, earlyMessages, 1, others)
			}
			provoked := time.Now()
			published := tt.provoke(t, s, r, others)
			line := s.wantLine(t, r)
			if line.reason != tt.reason || line.subscription != "/news" {
				t.Errorf("the log has %+v, want the reason %s", line, tt.reason)
			}
			if oldest, youngest := time.Since(before)+time.Second, provoked.Sub(between)-time.Second; line.age > oldest || line.age < youngest {
				t.Errorf("the age is %v, want %v to %v", line.age, youngest, oldest)
			}
			if err := tt.check(line, published); err != nil {
				t.Error(err)
			}
			if tt.reason != "shutdown" {
				s.wantUnharmed(t)
			}
		})
	}
}

// check compares the numbers of an end with the messages published until then. The kernel decides
// how much of them the socket accepts; the rest is what the subscriber is behind.
func (f ending) check(line end, published int) error {
	frame := script{"/news", newsData}.frameBytes()
	whole := (published*frame - line.behindBytes) / frame // messages that the socket accepted
	switch {
	case !f.thin && (line.messages != earlyMessages || line.behindBytes != 0):
		return fmt.Errorf("%d messages and %d bytes behind, want %d and 0", line.messages, line.behindBytes, earlyMessages)
	case f.reason == "slow":
		// The subscriber was disconnected by the message that exceeded the backlog. A few more may
		// have been published before the test saw the log.
		atTheEnd := line.messages + (line.behindBytes+frame-1)/frame
		if atTheEnd > published || atTheEnd < published-20 || line.behindBytes <= f.limits.backlogBytes || line.behindBytes > f.limits.backlogBytes+frame {
			return fmt.Errorf("%d messages and %d bytes behind, with %d published and a backlog of %d", line.messages, line.behindBytes, published, f.limits.backlogBytes)
		}
	case f.thin && (line.messages != whole || line.messages < 1 || line.behindBytes == 0):
		return fmt.Errorf("%d messages and %d bytes behind; the socket accepted %[4]d of the %[3]d published", line.messages, line.behindBytes, published, whole)
	}
	return nil
}

// wantLine waits for the log line about a reader's disconnection, which must be the only one.
func (s *scenario) wantLine(t *testing.T, r *reader) (line end) {
	t.Helper()
	lines := 0
	testtool.WaitFor(t, "the disconnection to be logged", func() bool {
		lines = 0
		for _, e := range endsOf(s.daemon.Log()) {
			if e.client == nameOf(r) {
				line = e
				lines++
			}
		}
		return lines > 0
	})
	if lines != 1 {
		t.Errorf("the log has %d lines for one disconnection", lines)
	}
	return line
}

// TestLogCountsDisconnectionsOfACrowd verifies that when a daemon with a crowd of subscribers
// exits, the log counts all of them, mostly in summaries.
func TestLogCountsDisconnectionsOfACrowd(t *testing.T) {
	s := open(t, roomy)
	crowd := s.crowd(t, 200, s.place, script{"/news", newsData})
	s.End()
	if code := s.daemon.Stop(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	s.wantEnds(t, map[string]int{"shutdown": len(crowd) + 1}) // one is the bystander
}
