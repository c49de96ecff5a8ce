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

// turnedAway matches what the log says of connections that found no place.
var turnedAway = regexp.MustCompile(`msg="connections turned away" connections=(\d+) reason="[^"]*\((--[a-z-]+)\)`)

// turnedAwayFor counts the connections that were turned away for the sake of a
// flag, and the lines that say so.
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

// wantRetryLater subscribes where there is no place: it wants a stream that says when
// to come back, and ends.
func (s *scenario) wantRetryLater(t *testing.T, from net.IP) error {
	r, err := place{address: s.place.address, Dialer: testtool.Dialer{From: from}}.subscribe(t, script{"/news", newsData})
	if err != nil {
		return err
	}
	defer r.Conn.Close()
	r.Conn.SetReadDeadline(time.Now().Add(testtool.Patience))
	r.run()
	if r.why != io.EOF || !r.retry || r.Messages > 0 {
		return fmt.Errorf("it ended with %v after %d messages; told to come back: %v", r.why, r.Messages, r.retry)
	}
	return nil
}

// TestNoPlaceLeft for one address, and for all: who comes is told to come back
// later, those who are there notice nothing, and the log is not filled with it.
func TestNoPlaceLeft(t *testing.T) {
	testtool.Long(t, "it waits for the time-outs of connections that have no place")
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
	all = append(all, from(most-3*each-1, 4)...) // the bystander has a place, too
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

// refuseFor connects without a pause for a while, and wants to be refused each time
// for the sake of a flag, with a line a second at most that tells of all.
func (s *scenario) refuseFor(t *testing.T, from net.IP, during time.Duration, flag string) (refused int) {
	t.Helper()
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	begin := time.Now()
	for ; time.Since(begin) < during; <-pace.C {
		if err := s.wantRetryLater(t, from); err != nil {
			t.Fatalf("the connection %d beyond %s: %v", refused, flag, err)
		}
		refused++
	}
	var told, lines int
	testtool.WaitFor(t, "the log to tell of all", func() bool {
		told, lines = s.turnedAwayFor(flag)
		return told >= refused
	})
	// As many seconds end in a time as it is long, and one; and the first of them
	// may be told of late.
	if most := int(time.Since(begin)/time.Second) + 2; told != refused || lines > most {
		t.Errorf("the log tells of %d connections in %d lines, want %d in %d at most", told, lines, refused, most)
	}
	return refused
}

// TestMoreThanDescriptors: a daemon that may open 600 files is asked for five times
// as many connections. It keeps serving those that it has, publishers come and
// go, and there is room again when the crowd has left.
func TestMoreThanDescriptors(t *testing.T) {
	testtool.Long(t, "hundreds of clients come at the limit")
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
		if isGone(err) {
			turned.Add(1)
			return nil
		}
		return err
	}); err != nil {
		t.Errorf("%d connections failed: %v", failed, err)
	}
	for n := range 10 {
		s.client = s.dial(t) // publishers find places, too
		s.play(t, news, 20*n, 20*n+20, 1<<10, others)
		wantAdmin(t, d) // and so does who wants to see what is going on
	}
	t.Logf("%d of %d connections were closed without a word", turned.Load(), len(crowd))
	for _, r := range crowd {
		if r != nil {
			r.Conn.Close()
		}
	}
	again := script{"/again", newsData}
	testtool.WaitFor(t, "new subscribers to find room", func() bool { return s.findsRoom(t, again) })
	s.wantPeace(t)
}

// wantAdmin wants the admin pages to answer, on a new connection.
func wantAdmin(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	code, _, text := testtool.Fetch(t, d.Admin+"status.json")
	var status struct{ Connections []any }
	if err := json.Unmarshal([]byte(text), &status); err != nil || code != 200 || len(status.Connections) < 20 {
		t.Errorf("the status is %d with %d connections, %v", code, len(status.Connections), err)
	}
}

// findsRoom tells whether a subscriber that comes now receives what is published.
func (s *scenario) findsRoom(t *testing.T, news script) bool {
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

// isGone tells whether a connection was closed in the middle of things.
func isGone(err error) bool {
	var broken net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken) && !broken.Timeout()
}
