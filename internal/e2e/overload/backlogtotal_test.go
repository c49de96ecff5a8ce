package overload

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/internal/testtool"
)

const (
	stairs    = 12      // number of streams; each lags further than the one before
	stair     = 2       // messages; they fill a segment
	stairData = 100_000 // bytes
)

// climb brings a scenario close to --backlog-total. A subscriber in each of several streams never
// reads; the i-th is i+1 stairs behind. All of them are on one event loop, because each loop
// chooses only among its own subscribers.
func climb(t *testing.T, slow string) (s *scenario, laggards []*reader) {
	t.Helper()
	total := (stairs*(stairs+1)/2 + 2) * stream.SegmentBytesMax // all stairs, and two segments more
	s = open(t, limits{
		conns: 50, streams: 2 * stairs,
		dataBytes: 200_000, backlogBytes: 4 << 20, backlogTotalBytes: total, sendBufferBytes: 8 << 10,
	}, "--slow="+slow, "--log-level=debug")
	loop := ""
	for i := range stairs {
		news := script{fmt.Sprint("/stairs/", i), stairData}
		r := s.crowd(t, 1, s.thin(), news)[0]
		for i > 0 && s.loopOf(t, r) != loop {
			r.Conn.Close()
			r = s.crowd(t, 1, s.thin(), news)[0]
		}
		loop = s.loopOf(t, r)
		laggards = append(laggards, r)
		s.publish(t, news, 0, (i+1)*stair)
	}
	if ends := disconnections(s.daemon.Log()); len(ends) > 0 {
		t.Fatalf("subscribers were disconnected too early: %v", ends)
	}
	return s, laggards
}

// connectLine matches the log line about a new subscriber.
var connectLine = regexp.MustCompile(`msg="subscriber connected"(?: loop=(\d+))? client=(\S+) `)

// loopOf returns the event loop that serves a reader, as its number in the log. It is empty if
// there is one loop. The daemon must log at the debug level: on other levels, some lines are
// suppressed.
func (s *scenario) loopOf(t *testing.T, r *reader) (loop string) {
	t.Helper()
	testtool.WaitFor(t, "the log to report a subscriber", func() bool {
		for _, found := range connectLine.FindAllStringSubmatch(s.daemon.Log(), -1) {
			if found[2] == nameOf(r) {
				loop = found[1]
				return true
			}
		}
		return false
	})
	return loop
}

// disconnections returns the ends in a log that clients did not cause.
func disconnections(log string) []end {
	return slices.DeleteFunc(endsOf(log), func(e end) bool { return e.reason == "left" || e.reason == "reset" })
}

// more lets another stream grow. One of its subscribers never reads, the other always reads.
func (s *scenario) more(t *testing.T, i int) {
	t.Helper()
	news := script{fmt.Sprint("/more/", i), stairData}
	s.crowd(t, 1, s.thin(), news)
	others := s.audience(t, 1, news)
	s.play(t, news, 0, 10, 1, others)
}

// TestFurthestBehindDisconnectedFirst verifies that above --backlog-total, the daemon disconnects
// the subscribers that are furthest behind, one after the other, and no other subscriber.
func TestFurthestBehindDisconnectedFirst(t *testing.T) {
	s, laggards := climb(t, "disconnect")
	for i := range 4 { // 4 MB more
		s.more(t, i)
	}
	testtool.WaitFor(t, "two subscribers to be disconnected", func() bool { return len(disconnections(s.daemon.Log())) >= 2 })
	ends := disconnections(s.daemon.Log())
	for i, e := range ends {
		furthest := laggards[stairs-1-i]
		behind := (stairs - i) * stair * furthest.script.frameBytes()
		if e.reason != "evicted" || e.client != nameOf(furthest) || e.behindBytes > behind || e.behindBytes < behind-stairData {
			t.Errorf("disconnection %d is %+v, want client %s, at most %d bytes behind", i, e, nameOf(furthest), behind)
		}
		furthest.wantReset(t)
	}
	if len(ends) > 3 {
		t.Errorf("%d subscribers were disconnected, want at most 3", len(ends))
	}
	s.wantUnharmed(t)
}

// TestFurthestBehindAreSkipped verifies that --slow=skip does not disconnect these subscribers.
// When they read again, they receive a gap event and then the newest message.
func TestFurthestBehindAreSkipped(t *testing.T) {
	testtool.Long(t, "a crowd reads nothing for seconds")
	s, laggards := climb(t, "skip")
	for i := range 4 {
		s.more(t, i)
	}
	start(laggards)
	for i, r := range laggards {
		wantAll(t, laggards[i:i+1], (i+1)*stair)
		r.Conn.SetReadDeadline(time.Now())
		r.wantEnd(t)
	}
	furthest := laggards[stairs-1]
	if missed := stairs*stair - furthest.Messages; furthest.Gaps == 0 || missed < stairs*stair-3 {
		t.Errorf("the subscriber furthest behind missed %d of %d messages and got %d gap events", missed, stairs*stair, furthest.Gaps)
	}
	if passed := slices.IndexFunc(laggards, func(r *reader) bool { return r.Gaps > 0 }); passed < stairs/2 {
		t.Errorf("subscriber %d of %d was skipped, too", passed, stairs)
	}
	if ends := disconnections(s.daemon.Log()); len(ends) > 0 {
		t.Errorf("subscribers were disconnected: %v", ends)
	}
	s.wantUnharmed(t)
}

// TestManyStreamsAtTheCap verifies that --backlog-total limits the sum over many streams, with
// messages whose length fills their segments worst.
func TestManyStreamsAtTheCap(t *testing.T) {
	testtool.Long(t, "many streams are filled")
	const streams = 40
	for _, slow := range []string{"disconnect", "skip"} {
		t.Run(slow, func(t *testing.T) {
			s := open(t, limits{
				conns: 20 * streams, streams: streams,
				dataBytes: 150_000, backlogBytes: 4 << 20, backlogTotalBytes: 16 << 20, sendBufferBytes: 8 << 10,
			}, "--slow="+slow)
			others := s.audience(t, 5, script{"/others", 1000})
			for round := range testtool.FewerUnderRace(10) {
				for i := range streams {
					news := script{fmt.Sprint("/n/", i), 140_000} // a little more than half of a segment
					s.crowd(t, 1, s.thin(), news)
					s.publish(t, news, 0, 5)
				}
				s.play(t, others[0].script, 10*round, 10*round+10, 1<<10, others)
			}
			t.Logf("disconnections: %v", countEnds(s.daemon.Log()))
			s.wantUnharmed(t)
		})
	}
}
