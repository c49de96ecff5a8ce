package overload

import (
	"io"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// thin returns a place whose connections have a tiny receive buffer.
func (s *scenario) thin() place {
	return place{address: s.place.address, Dialer: testtool.Dialer{ReceiveBytes: 2048}}
}

// TestTinyReceiveBuffer verifies that a client with a tiny receive buffer that reads steadily
// receives every message.
func TestTinyReceiveBuffer(t *testing.T) {
	s := open(t, limits{conns: 25, dataBytes: 100_000, backlogBytes: 2 << 20})
	news := script{"/news", 700}
	others := s.audience(t, 20, news)
	tiny := s.crowd(t, 1, s.thin(), news)
	start(tiny)
	const messages = 2000
	s.play(t, news, 0, messages, 64<<10, others)
	wantAll(t, tiny, messages)
	s.wantUnharmed(t)
	s.wantEnds(t, map[string]int{})
}

// TestByteByByte verifies that a client that reads ten bytes a second is disconnected: as slow if
// it exceeds its backlog, else as stalled. It could never catch up.
func TestByteByByte(t *testing.T) {
	testtool.Long(t, "a subscriber reads byte by byte")
	tests := []struct {
		name, reason string
		limits       limits
		publishBytes int
	}{
		{"beyond its backlog", "slow", limits{conns: 25, dataBytes: 20_000, backlogBytes: 256 << 10, sendBufferBytes: 16 << 10}, 4 << 20},
		{"within its backlog", "stalled", limits{conns: 25, dataBytes: 20_000, backlogBytes: 4 << 20, sendBufferBytes: 16 << 10}, 2 << 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, tt.limits, "--stall-timeout="+stallTimeout.String())
			news := script{"/news", 700}
			others := s.audience(t, 20, news)
			slow := s.crowd(t, 1, s.thin(), news)[0]
			begin := time.Now()
			left := make(chan struct{})
			go readByBytes(slow, left)
			s.play(t, news, 0, tt.publishBytes/news.frameBytes(), 64<<10, others)
			s.wantEnds(t, map[string]int{tt.reason: 1})
			if took := time.Since(begin); tt.reason == "stalled" && took < stallTimeout {
				t.Errorf("the subscriber was disconnected after %v, want at least %v", took, stallTimeout)
			}
			slow.Conn.Close()
			<-left
			s.wantUnharmed(t)
		})
	}
}

// readByBytes reads ten bytes a second until the connection is closed.
func readByBytes(r *reader, left chan<- struct{}) {
	defer close(left)
	for one := make([]byte, 1); ; time.Sleep(100 * time.Millisecond) {
		if _, err := io.ReadFull(r.Conn, one); err != nil {
			return
		}
	}
}

// TestStalledSubscribersDoNotDelayOthers verifies that 800 of 1,000 subscribers receive every
// message while the other 200 never read. It logs the speed with and without the 200, in
// alternating rounds.
func TestStalledSubscribersDoNotDelayOthers(t *testing.T) {
	const rounds = 2
	s := open(t, limits{conns: 1200, backlogBytes: 64 << 20})
	news := script{"/news", 1000}
	others := s.audience(t, testtool.FewerUnderRace(800), news)
	next, batch := 0, testtool.FewerUnderRace(1000)
	round := func() time.Duration {
		begin := time.Now()
		s.publish(t, news, next, next+batch)
		next += batch
		wantAll(t, others, next)
		return time.Since(begin)
	}
	round() // warms up
	var with, without time.Duration
	for range rounds {
		without += round()
		stalled := s.crowd(t, testtool.FewerUnderRace(200), s.thin(), news)
		round() // fills their sockets
		with += round()
		for _, r := range stalled {
			r.Conn.Close()
		}
	}
	rate := func(took time.Duration) float64 { return float64(rounds*batch*len(others)) / took.Seconds() / 1e6 }
	t.Logf("deliveries: %.2f million/s without stalled subscribers, and %.2f (a factor of %.2f) with them",
		rate(without), rate(with), without.Seconds()/with.Seconds())
	s.wantUnharmed(t)
	for reason := range countEnds(s.daemon.Log()) {
		if reason != "left" && reason != "reset" {
			t.Errorf("a subscriber was disconnected: %s", reason)
		}
	}
}

// TestCrowdStallsTogether verifies that when 5,000 subscribers stop reading permanently, all of
// them are disconnected for the same reason, and the others receive every message.
func TestCrowdStallsTogether(t *testing.T) {
	testtool.Long(t, "a crowd of subscribers stalls for seconds")
	tests := []struct {
		name, reason string
		limits       limits
		publishBytes int
	}{
		{"with traffic", "slow", limits{conns: 5100, dataBytes: 20_000, backlogBytes: 512 << 10, sendBufferBytes: 8 << 10}, 2 << 20},
		{"without", "stalled", limits{conns: 5100, dataBytes: 20_000, backlogBytes: 1 << 20, sendBufferBytes: 8 << 10}, 256 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, tt.limits, "--stall-timeout="+stallTimeout.String())
			news := script{"/news", 1000}
			others := s.audience(t, 50, news)
			crowd := s.crowd(t, testtool.FewerUnderRace(5000), s.thin(), news)
			s.play(t, news, 0, tt.publishBytes/news.frameBytes(), 64<<10, others)
			s.wantEnds(t, map[string]int{tt.reason: len(crowd)})
			wantAll(t, others, tt.publishBytes/news.frameBytes())
			s.wantUnharmed(t)
		})
	}
}

// TestCrowdIsSkipped verifies that --slow=skip disconnects no subscriber of a stalled crowd.
// When some of them read again, they receive only whole frames, a gap event with the exact number
// of missed messages, and the newest message last.
func TestCrowdIsSkipped(t *testing.T) {
	testtool.Long(t, "a crowd reads nothing for seconds")
	s := open(t, limits{conns: 5100, dataBytes: 20_000, backlogBytes: 256 << 10, sendBufferBytes: 8 << 10}, "--slow=skip")
	news := script{"/news", 1000}
	others := s.audience(t, 50, news)
	crowd := s.crowd(t, testtool.FewerUnderRace(5000), s.thin(), news)
	messages := 1 << 20 / news.frameBytes()
	s.play(t, news, 0, messages, 64<<10, others)
	awake := crowd[:testtool.FewerUnderRace(200)]
	start(awake)
	wantAll(t, awake, messages) // the newest arrived, and the gaps account for all missing ones
	s.play(t, news, messages, messages+10, 1<<10, append(awake, others...))
	for _, r := range append(awake, others...) {
		r.Conn.SetReadDeadline(time.Now())
		r.wantEnd(t)
	}
	for i, r := range awake {
		if missed := messages + 10 - r.Messages; r.Gaps == 0 || missed <= 0 || r.Next() != messages+10 {
			t.Fatalf("subscriber %d got %d messages and %d gaps, and is at message %d of %d", i, r.Messages, r.Gaps, r.Next(), messages+10)
		}
	}
	for i, r := range others {
		if r.Gaps != 0 || r.Messages != messages+10 {
			t.Errorf("a reading subscriber got %d of %d messages and %d gaps (subscriber %d)", r.Messages, messages+10, r.Gaps, i)
		}
	}
	if ends := countEnds(s.daemon.Log()); len(ends) > 0 && !testtool.Race {
		t.Errorf("subscribers were disconnected: %v", ends)
	}
	s.wantUnharmed(t)
}
