package overload

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/internal/testtool"
)

const (
	stairs    = 12      // streams, each of which lags further than the one before
	stair     = 2       // messages, which fill a segment
	stairData = 100_000 // bytes
)

// climb brings a scenario to the brink of --backlog-total: a subscriber in each of
// several streams never reads, and the i-th lags i+1 stairs behind.
func climb(t *testing.T, slow string) (s *scenario, laggards []*reader) {
	t.Helper()
	total := (stairs*(stairs+1)/2 + 2) * stream.SegmentBytesMax // all stairs, and little more
	s = open(t, limits{
		conns: 50, streams: 2 * stairs,
		dataBytes: 200_000, backlogBytes: 4 << 20, backlogTotalBytes: total, sendBufferBytes: 8 << 10,
	}, "--slow="+slow)
	for i := range stairs {
		news := script{fmt.Sprint("/stairs/", i), stairData}
		laggards = append(laggards, s.crowd(t, 1, s.thin(), news)...)
		s.publish(t, news, 0, (i+1)*stair)
	}
	if ends := countEnds(s.daemon.Log()); len(ends) > 0 {
		t.Fatalf("ends came too early: %v", ends)
	}
	return s, laggards
}

// more makes another stream grow, in which one never reads and one always does.
func (s *scenario) more(t *testing.T, i int) {
	t.Helper()
	news := script{fmt.Sprint("/more/", i), stairData}
	s.crowd(t, 1, s.thin(), news)
	others := s.audience(t, 1, news)
	s.play(t, news, 0, 10, 1, others)
}

// TestFurthestBehindGoFirst: past --backlog-total, those who lag furthest are
// closed, one after the other, and nobody else.
func TestFurthestBehindGoFirst(t *testing.T) {
	s, laggards := climb(t, "disconnect")
	for i := range 4 { // 4 MB more
		s.more(t, i)
	}
	testtool.WaitFor(t, "two to be closed", func() bool { return len(endsOf(s.daemon.Log())) >= 2 })
	ends := endsOf(s.daemon.Log())
	for i, e := range ends {
		furthest := laggards[stairs-1-i]
		behind := (stairs - i) * stair * furthest.script.frameBytes()
		if e.reason != "evicted" || e.client != nameOf(furthest) || e.behindBytes > behind || e.behindBytes < behind-stairData {
			t.Errorf("the end %d was %+v; it should be %s's, %d bytes behind or a little less", i, e, nameOf(furthest), behind)
		}
		furthest.wantReset(t)
	}
	if len(ends) > 3 {
		t.Errorf("%d were closed", len(ends))
	}
	s.wantPeace(t)
}

// TestFurthestBehindArePassedOver: with --slow=skip they are not closed, but passed
// over, and find the newest message after the gap when they read again.
func TestFurthestBehindArePassedOver(t *testing.T) {
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
		t.Errorf("who was furthest behind missed %d of %d messages, and was told %d times", missed, stairs*stair, furthest.Gaps)
	}
	if passed := slices.IndexFunc(laggards, func(r *reader) bool { return r.Gaps > 0 }); passed < stairs/2 {
		t.Errorf("number %d of %d was passed over, too", passed, stairs)
	}
	if ends := countEnds(s.daemon.Log()); len(ends) > 0 {
		t.Errorf("subscribers ended: %v", ends)
	}
	s.wantPeace(t)
}

// TestManyStreamsAtTheCap: the cap holds for what many streams hold together, with
// messages of the length that fills their segments worst.
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
			t.Logf("ends: %v", countEnds(s.daemon.Log()))
			s.wantPeace(t)
		})
	}
}
