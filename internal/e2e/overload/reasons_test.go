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

// A ending provokes the end of a subscriber that has had some messages.
type ending struct {
	reason  string
	thin    bool // it has a receive buffer that takes next to nothing, and never reads
	args    []string
	limits  limits
	provoke func(t *testing.T, s *scenario, r *reader, others []*reader) (published int)
}

const (
	newsData = 1000
	had      = 7 // messages that each of them has, or could have, had
)

// roomy are limits that nobody exceeds in these tests.
var roomy = limits{conns: 10, dataBytes: 20_000, backlogBytes: 4 << 20, backlogTotalBytes: 8 << 20, sendBufferBytes: 8 << 10}

var endings = []ending{
	{reason: "left", limits: roomy, provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
		r.Conn.Close()
		return had
	}},
	{reason: "reset", limits: roomy, provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
		r.Conn.(*net.TCPConn).SetLinger(0)
		r.Conn.Close()
		return had
	}},
	{reason: "kicked", limits: roomy, provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
		testtool.WaitFor(t, "the daemon to have had enough", func() bool {
			_, err := io.WriteString(r.Conn, "GET /subscribe/more HTTP/1.1\r\nHost: localhost\r\n\r\n")
			return err != nil
		})
		return had
	}},
	{reason: "shutdown", limits: roomy, provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
		s.End()
		if err := s.daemon.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		r.wantEnd(t)
		if r.why != io.EOF || !r.retry {
			t.Errorf("it ended with %v, and was told when to come back: %v", r.why, r.retry)
		}
		return had
	}},
	{reason: "stalled", thin: true, limits: roomy, args: []string{"--stall-timeout=1s"},
		provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
			s.play(t, r.script, had, 300, 64<<10, others)
			return 300
		}},
	{reason: "slow", thin: true, limits: limits{conns: 10, dataBytes: 20_000, backlogBytes: 150_000, sendBufferBytes: 8 << 10},
		provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
			n := had
			for ; len(endsOf(s.daemon.Log())) == 0 && n < 1000; n++ {
				s.play(t, r.script, n, n+1, 1, others)
			}
			return n
		}},
	{reason: "evicted", thin: true, limits: limits{conns: 10, dataBytes: 20_000, backlogBytes: 1 << 20, backlogTotalBytes: 3 << 19, sendBufferBytes: 8 << 10},
		provoke: func(t *testing.T, s *scenario, r *reader, others []*reader) int {
			s.play(t, r.script, had, 800, 64<<10, others)
			more := script{"/more", newsData} // one who is not as far behind
			s.crowd(t, 1, s.thin(), more)
			s.publish(t, more, 0, 500)
			return 800
		}},
}

// TestEveryEndHasOneLine with the reason for it, and right figures.
func TestEveryEndHasOneLine(t *testing.T) {
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
				s.play(t, news, 0, had, 1, append(others, r))
			} else {
				s.play(t, news, 0, had, 1, others)
			}
			provoked := time.Now()
			published := tt.provoke(t, s, r, others)
			line := s.wantLine(t, r)
			if line.reason != tt.reason || line.subscription != "/news" {
				t.Errorf("the log has %+v, want the reason %s", line, tt.reason)
			}
			if oldest, youngest := time.Since(before)+time.Second, provoked.Sub(between)-time.Second; line.age > oldest || line.age < youngest {
				t.Errorf("its age was %v, want one from %v to %v", line.age, youngest, oldest)
			}
			if err := tt.check(line, published); err != nil {
				t.Error(err)
			}
			if tt.reason != "shutdown" {
				s.wantPeace(t)
			}
		})
	}
}

// check compares an end's figures with what was published until then. How much of
// it the socket took is for the kernel to say; but what it did not take is behind.
func (f ending) check(line end, published int) error {
	frame := script{"/news", newsData}.frameBytes()
	whole := (published*frame - line.behindBytes) / frame // that were taken
	switch {
	case !f.thin && (line.messages != had || line.behindBytes != 0):
		return fmt.Errorf("%d messages and %d bytes behind, want %d and 0", line.messages, line.behindBytes, had)
	case f.reason == "slow":
		// It was closed by the message that was too much, and one or two more
		// may have been published before the log was seen.
		atTheEnd := line.messages + (line.behindBytes+frame-1)/frame
		if atTheEnd > published || atTheEnd < published-20 || line.behindBytes <= f.limits.backlogBytes || line.behindBytes > f.limits.backlogBytes+frame {
			return fmt.Errorf("%d messages and %d bytes behind, with %d published and a backlog of %d", line.messages, line.behindBytes, published, f.limits.backlogBytes)
		}
	case f.thin && (line.messages != whole || line.messages < 1 || line.behindBytes == 0):
		return fmt.Errorf("%d messages and %d bytes behind; of the %d published the socket took %d", line.messages, line.behindBytes, published, whole)
	}
	return nil
}

// wantLine waits for the one line that the log has of a reader's end.
func (s *scenario) wantLine(t *testing.T, r *reader) (line end) {
	t.Helper()
	lines := 0
	testtool.WaitFor(t, "its end to be logged", func() bool {
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
		t.Errorf("%d lines tell of one end", lines)
	}
	return line
}

// TestCrowdsEndIsCounted: when a crowd ends with the daemon, the log has as many
// ends as there were subscribers, most of them summed up.
func TestCrowdsEndIsCounted(t *testing.T) {
	s := open(t, roomy)
	crowd := s.crowd(t, 200, s.place, script{"/news", newsData})
	s.End()
	if code := s.daemon.Stop(t); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
	s.wantEnds(t, map[string]int{"shutdown": len(crowd) + 1}) // and the bystander
}
