package overload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// turnedAway matches the log line about connections that were refused because of a limit.
var turnedAway = regexp.MustCompile(`msg="connections turned away"(?: loop=\d+)? connections=(\d+) reason="[^"]*\((--[a-z-]+)\)`)

// turnedAwayFor returns how many connections the log reports as refused because of a flag, and in
// how many lines.
func (s *scenario) turnedAwayFor(flag string) (connections, lines int) {
	for _, found := range turnedAway.FindAllStringSubmatch(s.daemon.Log(), -1) {
		if found[2] == flag {
			n, _ := strconv.Atoi(found[1])
			connections += n
			lines++
		}
	}
	return connections, lines
}

// wantRetryLater subscribes where a limit is reached. It expects a stream that only sets the
// reconnection time and then ends.
func (s *scenario) wantRetryLater(t *testing.T, from net.IP) error {
	r, err := place{address: s.place.address, Dialer: testtool.Dialer{From: from}}.subscribe(t, script{"/news", newsData})
	if err != nil {
		return err
	}
	defer r.Conn.Close()
	r.Conn.SetReadDeadline(time.Now().Add(testtool.Patience))
	r.run()
	if r.err != io.EOF || !r.retry || r.Messages > 0 {
		return fmt.Errorf("the stream ended with %v after %d messages; retry received: %v", r.err, r.Messages, r.retry)
	}
	return nil
}

// TestConnsMaxReached fills --max-conns-per-ip and --max-conns. It verifies that further clients
// are asked to reconnect later, that the connected ones notice nothing, and that the log gets few
// lines about it.
func TestConnsMaxReached(t *testing.T) {
	testtool.Long(t, "it waits for the timeouts of connections beyond the limit")
	const each, most = 5, 20
	s := open(t, limits{conns: most}, fmt.Sprint("--max-conns-per-ip=", each), fmt.Sprint("--max-conns=", most))
	news := script{"/news", newsData}
	address := func(i int) net.IP { return net.IPv4(127, 0, 70, byte(1+i)) }
	from := func(n, i int) []*reader {
		t.Helper()
		crowd := s.crowd(t, n, place{address: s.place.address, Dialer: testtool.Dialer{From: address(i)}}, news)
		start(crowd)
		return crowd
	}
	var all []*reader
	for i := range 3 {
		all = append(all, from(each, i)...)
	}
	refused := s.refuseFor(t, address(0), 3*time.Second, "--max-conns-per-ip")
	all = append(all, from(most-3*each-1, 4)...) // the bystander is one of them
	refused += s.refuseFor(t, address(9), 3*time.Second, "--max-conns")
	s.play(t, news, 0, 100, 64<<10, all)
	all[0].Conn.Close()
	testtool.WaitFor(t, "its place to be free", func() bool { return len(endsOf(s.daemon.Log())) == 1 })
	all = append(all[1:], from(1, 0)...)
	all[len(all)-1].SkipTo(100)
	s.play(t, news, 100, 200, 64<<10, all)
	t.Logf("%d connections were refused", refused)
	s.End()
	s.limits.wantMemory(t, s.daemon.Process.Pid)
}

// refuseFor connects continuously for a while, and expects that each connection is refused because
// of a flag. The log must report all of them, in at most one line a second of each event loop.
func (s *scenario) refuseFor(t *testing.T, from net.IP, during time.Duration, flag string) (refused int) {
	t.Helper()
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	begin := time.Now()
	for ; time.Since(begin) < during; <-pace.C {
		if err := s.wantRetryLater(t, from); err != nil {
			t.Fatalf("connection %d above %s: %v", refused, flag, err)
		}
		refused++
	}
	var logged, lines int
	testtool.WaitFor(t, "the log to report all refusals", func() bool {
		logged, lines = s.turnedAwayFor(flag)
		return logged >= refused
	})
	// An interval of n seconds contains up to n+1 ends of seconds, and the first line may be late.
	if most := (int(time.Since(begin)/time.Second) + 2) * testtool.Loops(); logged != refused || lines > most {
		t.Errorf("the log reports %d connections in %d lines, want %d in at most %d", logged, lines, refused, most)
	}
	return refused
}

// TestMoreThanDescriptors opens five times as many connections as the 600 files that the daemon may
// open. It verifies that the daemon continues to serve its connections, that publishers can
// connect, and that new subscribers are accepted after the crowd has left.
func TestMoreThanDescriptors(t *testing.T) {
	testtool.Long(t, "it opens 3,000 connections")
	const files = 600
	d := testtool.StartLimited(t, files, "--header-timeout=2s", "--admin=127.0.0.1:0")
	s := openWith(t, d, limits{conns: files})
	news := script{"/news", newsData}
	others := s.audience(t, 20, news)
	crowd := make([]*reader, 5*files)
	var turned atomic.Int64
	if failed, err := testtool.AtATime(len(crowd), func(i int) (err error) {
		from := net.IPv4(127, 0, 71, byte(1+i%8))
		crowd[i], err = place{address: s.place.address, Dialer: testtool.Dialer{From: from}}.subscribe(t, news)
		if isClosed(err) {
			turned.Add(1)
			return nil
		}
		return err
	}); err != nil {
		t.Errorf("%d connections failed: %v", failed, err)
	}
	for n := range 10 {
		s.client = s.dial(t) // publishers can still connect
		s.play(t, news, 20*n, 20*n+20, 1<<10, others)
		wantAdmin(t, d) // and so can operators
	}
	t.Logf("%d of %d connections were closed without a response", turned.Load(), len(crowd))
	for _, r := range crowd {
		if r != nil {
			r.Conn.Close()
		}
	}
	again := script{"/again", newsData}
	testtool.WaitFor(t, "new subscribers to be accepted", func() bool { return s.isServed(t, again) })
	s.wantUnharmed(t)
}

// wantAdmin checks that the admin pages answer on a new connection.
func wantAdmin(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	code, _, text := testtool.Fetch(t, d.Admin+"status.json")
	var status struct{ Connections []any }
	if err := json.Unmarshal([]byte(text), &status); err != nil || code != 200 || len(status.Connections) < 20 {
		t.Errorf("status.json answered %d with %d connections, %v", code, len(status.Connections), err)
	}
}

// isServed reports whether a new subscriber receives a published message.
func (s *scenario) isServed(t *testing.T, news script) bool {
	r, err := s.place.subscribe(t, news)
	if err != nil {
		return false
	}
	defer r.Conn.Close()
	s.publish(t, news, 0, 1)
	r.Conn.SetReadDeadline(time.Now().Add(testtool.Patience))
	for err == nil && r.Messages == 0 {
		err = r.readBlock()
	}
	return r.Messages == 1
}

// isClosed reports whether err means that the peer has closed the connection.
func isClosed(err error) bool {
	var broken net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken) && !broken.Timeout()
}
