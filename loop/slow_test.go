package loop_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// subscribeThin subscribes with a socket with a small buffer, and reads nothing after the head.
func subscribeThin(t *testing.T, s *ssed.Server, target string) net.Conn {
	t.Helper()
	c := dial(t, s.ListenAddrs()[0])
	c.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target)
	if status, _ := readHead(t, bufio.NewReaderSize(c, 16)); status != 200 {
		t.Fatal(status)
	}
	return c
}

var gapFrame = regexp.MustCompile(`^event:gap\ndata:\{"reason":"slow","missed":(\d+)\}$`)

// TestSkip verifies that a slow subscriber gets only complete frames, in order. Each message must
// either arrive once or be counted in a gap event, and the newest message must arrive last.
func TestSkip(t *testing.T) {
	s := serve(t, ssed.Options{BacklogBytesMax: 200_000, DataBytesMax: 30_000, Slow: ssed.SlowSkip, SendBufferBytes: 16 << 10})
	conn, slow := subscribe(t, s, "/subscribe/n")
	const messages = 3000
	got := make(chan []byte, 1)
	begin := make(chan struct{})
	go func() {
		<-begin
		var stream []byte
		for !bytes.HasSuffix(stream, []byte(":end\n\n")) {
			chunk := make([]byte, 7000)
			n, err := slow.Read(chunk)
			if stream = append(stream, chunk[:n]...); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		got <- stream
	}()
	for i := range messages {
		if i == messages/2 {
			until(t, s, "the subscriber has skipped messages", func(s ssed.Stats) bool { return s.Skips > 1 })
			close(begin)
		}
		publishAll(t, s, sse.Message{Namespace: "/n", Data: fmt.Appendf(nil, "%d:%s", i, strings.Repeat("x", 3000+i%777))})
	}
	publishAll(t, s, sse.Message{Namespace: "/n", Data: fmt.Appendf(nil, "%d:end", messages)})
	conn.SetDeadline(time.Now().Add(patience))
	next, gaps := 0, 0
	frames := strings.Split(strings.TrimSuffix(string(<-got), "\n\n"), "\n\n")
	for _, frame := range frames {
		if gap := gapFrame.FindStringSubmatch(frame); gap != nil {
			missed, _ := strconv.Atoi(gap[1])
			next += missed
			gaps++
			continue
		}
		want := fmt.Sprintf("data:%d:%s", next, strings.Repeat("x", 3000+next%777))
		if next == messages {
			want = fmt.Sprintf("data:%d:end", messages)
		}
		if frame != want {
			t.Fatalf("got %.60q, want message %d", frame, next)
		}
		next++
	}
	if next != messages+1 || gaps == 0 {
		t.Errorf("%d messages were received or counted in %d gap events, want %d", next, gaps, messages+1)
	}
	stats := until(t, s, "no subscriber lags", func(s ssed.Stats) bool { return s.Blocked == 0 && s.Backlog == 0 })
	if stats.Ended["slow"] != 0 || stats.Skipped == 0 {
		t.Errorf("%+v", stats)
	}
}

// TestSkipHoldsNoMemory verifies that subscribers that never read, in many streams, skip messages
// again and again, and that the memory held for them stays within the total limit.
func TestSkipHoldsNoMemory(t *testing.T) {
	const total = 4 << 20
	s := serve(t, ssed.Options{BacklogBytesMax: 1 << 20, BacklogTotalBytesMax: total, DataBytesMax: 100_000, Slow: ssed.SlowSkip})
	for i := range 20 {
		subscribeThin(t, s, fmt.Sprintf("/subscribe/%d", i))
	}
	data := bytes.Repeat([]byte("x"), 100_000)
	for i := range 2000 {
		publishAll(t, s, sse.Message{Namespace: fmt.Sprintf("/%d", i%20), Data: data})
		if i%100 == 0 {
			if stats, err := s.Stats(context.Background()); err != nil || stats.Backlog > total {
				t.Fatalf("%d bytes are held, %v", stats.Backlog, err)
			}
		}
	}
	stats := until(t, s, "all is delivered", func(s ssed.Stats) bool { return s.Published == 2000 })
	if stats.Skipped == 0 || stats.Backlog > total {
		t.Errorf("%+v", stats)
	}
}

// TestStalledSubscriberIsClosed verifies that a subscriber that does not read is disconnected after
// StallTimeout even without traffic, and not earlier. A subscriber that always reads slowly must
// stay connected.
func TestStalledSubscriberIsClosed(t *testing.T) {
	testtool.Long(t, "it waits for three stall time-outs")
	t.Parallel()
	const timeout = 2 * time.Second
	var log logbook
	s := serve(t, ssed.Options{StallTimeout: timeout, Logger: log.logger()})
	subscribeThin(t, s, "/subscribe/n")
	reader := subscribeThin(t, s, "/subscribe/n")
	begin := time.Now()
	for range 10 {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: bytes.Repeat([]byte("x"), 1<<20)})
	}
	until(t, s, "both subscribers lag", func(s ssed.Stats) bool { return s.Blocked == 2 })
	ended := make(chan struct{})
	go func() { // much more slowly than a change of its socket's buffer would show
		chunk := make([]byte, 2000)
		for {
			select {
			case <-ended:
				return
			case <-time.After(20 * time.Millisecond):
				reader.Read(chunk)
			}
		}
	}()
	stats := until(t, s, "the stalled subscriber is closed", func(s ssed.Stats) bool { return s.Subscribers == 1 })
	if took := time.Since(begin); took < timeout {
		t.Errorf("the subscriber was closed after %v, want at least %v", took, timeout)
	}
	if stats.Ended["stalled"] != 1 {
		t.Errorf("the subscriber is not counted as stalled: %+v", stats)
	}
	log.waitFor(t, `msg="subscriber disconnected" reason=stalled client=127.0.0.1:`)
	time.Sleep(2 * timeout) // the other subscriber must not be closed during this time
	close(ended)
	if stats, err := s.Stats(context.Background()); err != nil || stats.Subscribers != 1 {
		t.Errorf("the slow reader was closed, too: %+v, %v", stats, err)
	}
}

// TestStalledInTheKernel covers a subscriber whose pending data is all in its socket's buffer, so
// that only the kernel knows that it does not read.
func TestStalledInTheKernel(t *testing.T) {
	testtool.Long(t, "a subscriber stalls for seconds")
	t.Parallel()
	const timeout = 2 * time.Second
	s := serve(t, ssed.Options{StallTimeout: timeout})
	subscribeThin(t, s, "/subscribe/n")
	begin := time.Now()
	publishAll(t, s, sse.Message{Namespace: "/n", Data: bytes.Repeat([]byte("x"), 60_000)})
	stats := until(t, s, "the subscriber is closed", func(s ssed.Stats) bool { return s.Subscribers == 0 })
	if took := time.Since(begin); took < timeout || stats.Ended["stalled"] != 1 {
		t.Errorf("the subscriber was closed after %v: %+v", took, stats)
	}
}

// TestConnsPerAddress verifies that the limit counts addresses, and /64 networks for IPv6.
func TestConnsPerAddress(t *testing.T) {
	t.Parallel()
	var log logbook
	s := serve(t, ssed.Options{ConnsPerAddressMax: 2, Logger: log.logger(), TrustedProxies: []string{"127.0.0.1"}})
	from := func(addr string) (net.Conn, string) {
		c := dial(t, s.ListenAddrs()[0])
		fmt.Fprintf(c, "GET /subscribe/n HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\n\r\n", addr)
		r := bufio.NewReader(c)
		if status, _ := readHead(t, r); status != 200 {
			t.Fatal(status)
		}
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		rest, _ := io.ReadAll(r)
		return c, string(rest)
	}
	for _, tt := range []struct {
		addr string
		full bool
	}{
		{"203.0.113.1", false}, {"203.0.113.1", false}, {"203.0.113.1", true}, {"203.0.113.2", false},
		{"2001:db8:1:2::1", false}, {"2001:db8:1:2::2", false}, {"2001:db8:1:2:ffff::3", true}, {"2001:db8:1:3::1", false},
	} {
		if _, rest := from(tt.addr); strings.HasPrefix(rest, "retry:") != tt.full {
			t.Errorf("%s: %q, want it refused: %v", tt.addr, rest, tt.full)
		}
	}
	log.waitFor(t, `msg="connections turned away" connections=`)
	log.waitFor(t, "--max-conns-per-ip")
	c, _ := from("203.0.113.3")
	until(t, s, "the client has subscribed", func(s ssed.Stats) bool { return s.Subscribers == 7 })
	c.Close()
	until(t, s, "the client has disconnected", func(s ssed.Stats) bool { return s.Subscribers == 6 })
	for range 2 { // its place is free again
		if _, rest := from("203.0.113.3"); rest != "" {
			t.Errorf("%q", rest)
		}
	}
}
