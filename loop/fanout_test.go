package loop_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// TestSlowSubscriberIsClosedAndCounted verifies that a subscriber that never reads is disconnected
// and counted as slow, and that the other subscribers get everything.
func TestSlowSubscriberIsClosedAndCounted(t *testing.T) {
	s := serve(t, ssed.Options{BacklogBytesMax: 2 << 20, DataBytesMax: 200_000})
	slow, _ := subscribe(t, s, "/subscribe/n")
	_, r := subscribe(t, s, "/subscribe/n")
	frame := "data:" + strings.Repeat("x", 100_000) + "\n\n"
	for range 200 {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte(frame[5 : len(frame)-2])})
		expect(t, r, frame)
	}
	stats := until(t, s, "the slow subscriber is closed", func(s ssed.Stats) bool { return s.Subscribers == 1 })
	if stats.Ended["slow"] != 1 || stats.Blocked != 0 {
		t.Errorf("the subscriber is not counted as slow: %+v", stats)
	}
	// The slow subscriber got the beginning of the stream, cut off at any byte.
	got, _ := io.ReadAll(slow)
	if want := strings.Repeat(frame, 200); !strings.HasPrefix(want, string(got)) || len(got) == 0 {
		t.Errorf("the slow subscriber got %d bytes that are not the stream's beginning", len(got))
	}
}

// TestLaggardCatchesUp verifies that a subscriber that stops reading for a while, but stays within
// the backlog, gets every message.
func TestLaggardCatchesUp(t *testing.T) {
	s := serve(t, ssed.Options{BacklogBytesMax: 64 << 20})
	_, laggard := subscribe(t, s, "/subscribe/n")
	_, r := subscribe(t, s, "/subscribe/n")
	var want strings.Builder
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 300 {
		data := fmt.Sprint(i, strings.Repeat("x", random.IntN(100_000)))
		publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte(data)})
		want.WriteString("data:" + data + "\n\n")
		expect(t, r, "data:"+data+"\n\n")
	}
	until(t, s, "the subscriber lags", func(s ssed.Stats) bool { return s.Blocked == 1 })
	expect(t, laggard, want.String())
	publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte("live again")})
	expect(t, laggard, "data:live again\n\n")
	expect(t, r, "data:live again\n\n")
	until(t, s, "no subscriber lags", func(s ssed.Stats) bool { return s.Blocked == 0 })
}

// TestClosingInsideTheWalk verifies that subscribers get every message exactly once while other
// subscribers of the same stream connect and disconnect, some of them with a reset in the middle of
// a write.
func TestClosingInsideTheWalk(t *testing.T) {
	s := serve(t, ssed.Options{})
	const stayers, messages = 50, 2000
	var readers []*bufio.Reader
	for range stayers {
		_, r := subscribe(t, s, "/subscribe/n")
		readers = append(readers, r)
	}
	stop := make(chan struct{})
	var churn sync.WaitGroup
	for range 4 {
		churn.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", s.ListenAddrs()[0].String())
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Fprint(c, "GET /subscribe/n HTTP/1.1\r\nHost: x\r\n\r\n")
				if rand.IntN(2) == 0 {
					c.(*net.TCPConn).SetLinger(0) // sends a reset
				}
				c.Close()
			}
		})
	}
	var want bytes.Buffer
	for i := range messages {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: fmt.Append(nil, i)})
		fmt.Fprintf(&want, "data:%d\n\n", i)
	}
	for i, r := range readers {
		got := make([]byte, want.Len())
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("subscriber %d did not get the expected messages: %v", i, err)
		}
	}
	close(stop)
	churn.Wait()
	until(t, s, "the pending connections are gone", func(s ssed.Stats) bool { return s.Subscribers == stayers && s.PendingConnections == 0 })
}

// TestPassYields verifies that all subscribers get everything if there are more of them than one
// pass writes to, and that the loop handles its other sockets between the parts of a pass.
func TestPassYields(t *testing.T) {
	testtool.Long(t, "3,000 connections")
	s := serve(t, ssed.Options{})
	const subscribers = 3000 // a pass yields after 1,024 writes
	readers := make([]*bufio.Reader, subscribers)
	for i := range readers {
		_, readers[i] = subscribe(t, s, fmt.Sprintf("/subscribe/n/%d", i%3))
	}
	p := dial(t, s.PublishAddrs()[0])
	replies := bufio.NewReader(p)
	for i := range 20 {
		fmt.Fprintf(p, "PUB /n/0 - %d\nPUB /n/1 - %d\nPUB /n/2 - %d\nPING\n", i, i, i)
		for range 3 {
			line(t, replies)
		}
		if got := line(t, replies); got != "PONG" {
			t.Fatal(got)
		}
	}
	for _, r := range readers {
		for i := range 20 {
			expect(t, r, fmt.Sprintf("data:%d\n\n", i))
		}
	}
}

// TestHeartbeat verifies that a quiet stream gets heartbeats, and that a busy one gets none.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	s := serve(t, ssed.Options{Heartbeat: time.Second})
	_, idle := subscribe(t, s, "/subscribe/idle")
	_, busy := subscribe(t, s, "/subscribe/busy")
	begin := time.Now()
	for i := 0; time.Since(begin) < 2500*time.Millisecond; i++ {
		publishAll(t, s, sse.Message{Namespace: "/busy", Data: fmt.Append(nil, i)})
		expect(t, busy, fmt.Sprintf("data:%d\n\n", i)) // and no heartbeat between
		time.Sleep(20 * time.Millisecond)
	}
	expect(t, idle, sse.Keepalive+sse.Keepalive)
}

// TestPublisherThatNeverReads verifies that the server stops reading from a publisher that never
// reads its replies, so that its memory is bounded, and finally closes it. Others are not affected.
func TestPublisherThatNeverReads(t *testing.T) {
	s := serve(t, ssed.Options{ReplyTimeout: 500 * time.Millisecond})
	p := dial(t, s.PublishAddrs()[0])
	p.(*net.TCPConn).SetReadBuffer(4096)
	pings := []byte(strings.Repeat("PING\n", 10_000))
	sent := 0
	for {
		n, err := p.Write(pings)
		if sent += n; err != nil {
			break // the server has closed it
		}
	}
	if sent > 64<<20 {
		t.Errorf("the publisher could send %d bytes", sent)
	}
	until(t, s, "the publisher is closed and counted", func(s ssed.Stats) bool { return s.PublishersClosed == 1 && s.Publishers == 0 })
}

// TestPublisherThatReadsLate verifies that the server waits for a publisher with more unread
// replies than the server keeps, and that no reply is lost.
func TestPublisherThatReadsLate(t *testing.T) {
	s := serve(t, ssed.Options{})
	p := dial(t, s.PublishAddrs()[0])
	const count = 1_000_000
	written := make(chan error, 1)
	go func() {
		_, err := p.Write([]byte(strings.Repeat("PUB /n - x\n", count)))
		written <- err
	}()
	until(t, s, "the replies fill every buffer", func(s ssed.Stats) bool { return s.Blocked == 1 })
	r := bufio.NewReader(p)
	for i := range count {
		if got := line(t, r); got != fmt.Sprint("OK ", i+1) {
			t.Fatalf("reply %d is %q", i+1, got)
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// TestPublishersWaitForTheSlowestPass verifies that publishers wait while a pass over thousands of
// subscribers takes many turns of the loop, so that memory stays bounded. A PING on another
// connection is answered between two parts of the pass.
func TestPublishersWaitForTheSlowestPass(t *testing.T) {
	testtool.Long(t, "3,000 connections")
	// The messages in flight need far less than this backlog.
	s := serve(t, ssed.Options{BacklogBytesMax: 1 << 20, DataBytesMax: 100_000})
	const subscribers, publishers, messages, size = 3000, 4, 8, 20_000
	var readers sync.WaitGroup
	for range subscribers {
		_, r := subscribe(t, s, "/subscribe/n")
		readers.Go(func() {
			if n, err := io.CopyN(io.Discard, r, int64(publishers*messages*(size+len("data:\n\n")))); err != nil {
				t.Errorf("a subscriber got only %d bytes: %v", n, err)
			}
		})
	}
	var writers sync.WaitGroup
	for range publishers {
		p := dial(t, s.PublishAddrs()[0])
		writers.Go(func() {
			go io.WriteString(p, strings.Repeat("PUB /n - "+strings.Repeat("x", size)+"\n", messages))
			r := bufio.NewReader(p)
			for range messages {
				line(t, r)
			}
		})
	}
	writers.Wait()
	readers.Wait()
	if stats := until(t, s, "no socket is full", func(s ssed.Stats) bool { return s.Blocked == 0 }); stats.Subscribers != subscribers {
		t.Errorf("%d of %d subscribers are still connected: %v", stats.Subscribers, subscribers, stats.Ended)
	}
}

// TestSequence verifies that OK contains the number in the order of publishing, for every
// publisher.
func TestSequence(t *testing.T) {
	s := serve(t, ssed.Options{})
	a, b := dial(t, s.PublishAddrs()[0]), dial(t, s.PublishAddrs()[0])
	ra, rb := bufio.NewReader(a), bufio.NewReader(b)
	for i := range 10 {
		fmt.Fprint(a, "PUB /n - x\n")
		if got := line(t, ra); got != fmt.Sprint("OK ", 2*i+1) {
			t.Fatal(got)
		}
		fmt.Fprint(b, "PUB /nobody/hears - x\n")
		if got := line(t, rb); got != fmt.Sprint("OK ", 2*i+2) {
			t.Fatal(got)
		}
	}
}

// TestConnsMax verifies that clients above the limit get a 200 with a reconnection time, because an
// EventSource never reconnects after another status.
func TestConnsMax(t *testing.T) {
	s := serve(t, ssed.Options{ConnsMax: 2})
	subscribe(t, s, "/subscribe/n")
	second, _ := subscribe(t, s, "/subscribe/n")
	_, r := subscribe(t, s, "/subscribe/n")
	got, err := io.ReadAll(r)
	if err != nil || !strings.HasPrefix(string(got), "retry:") || !strings.HasSuffix(string(got), "\n\n") {
		t.Errorf("the third client got %q, %v", got, err)
	}
	asked := func(ssed.Stats) bool { return true }
	turnedAway := until(t, s, "stats", asked).TurnedAway
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, "HEAD /subscribe/n HTTP/1.1\r\nHost: x\r\n\r\n")
	got, err = io.ReadAll(c)
	if _, body, ended := strings.Cut(string(got), "\r\n\r\n"); err != nil || !ended || body != "" {
		t.Errorf("HEAD, which needs no place, got %q, %v", got, err)
	}
	if n := until(t, s, "stats", asked).TurnedAway; n != turnedAway {
		t.Errorf("HEAD was counted in TurnedAway: %d after %d", n, turnedAway)
	}
	second.Close()
	until(t, s, "there is room", func(s ssed.Stats) bool { return s.Subscribers == 1 })
	_, r = subscribe(t, s, "/subscribe/n")
	publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte("x")})
	expect(t, r, "data:x\n\n")
}

// TestConnectAndDisconnectBetweenMessages verifies that subscribers of every level above a
// namespace can connect and disconnect between two of its messages.
func TestConnectAndDisconnectBetweenMessages(t *testing.T) {
	s := serve(t, ssed.Options{})
	p := dial(t, s.PublishAddrs()[0])
	replies := bufio.NewReader(p)
	say := func(n int) {
		t.Helper()
		fmt.Fprintf(p, "PUB /a/b - %d\n", n)
		line(t, replies)
	}
	n := 0
	for _, target := range []string{"/subscribe/a/b", "/subscribe/a", "/subscribe/", "/subscribe?ns=/x&ns=/a/b"} {
		for range 3 {
			n++
			say(n)
			c, r := subscribe(t, s, target)
			n++
			say(n)
			expect(t, r, fmt.Sprintf("data:%d\n\n", n))
			c.Close()
			until(t, s, "the subscriber is disconnected", func(s ssed.Stats) bool { return s.Subscribers == 0 })
		}
	}
}

// TestBacklogTotal checks the limit for all streams together, with lagging subscribers in separate
// streams. The subscribers that lag most are disconnected, and the others get everything.
func TestBacklogTotal(t *testing.T) {
	const total = 8 << 20
	s := serve(t, ssed.Options{BacklogBytesMax: 2 << 20, DataBytesMax: 200_000, BacklogTotalBytesMax: total})
	for i := range 20 {
		subscribe(t, s, fmt.Sprintf("/subscribe?ns=/n&ns=/own/%d", i)) // it never reads
	}
	_, r := subscribe(t, s, "/subscribe/n")
	frame := "data:" + strings.Repeat("x", 100_000) + "\n\n"
	for range 60 {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte(frame[5 : len(frame)-2])})
		expect(t, r, frame)
		if stats := until(t, s, "the server answers", func(ssed.Stats) bool { return true }); stats.Backlog > total {
			t.Fatalf("%d bytes are held, %d are allowed", stats.Backlog, total)
		}
	}
	stats := until(t, s, "some subscribers were disconnected", func(s ssed.Stats) bool { return s.Ended["evicted"] > 0 })
	if stats.Subscribers < 1 || stats.Backlog == 0 && stats.Blocked > 0 {
		t.Errorf("%+v", stats)
	}
	t.Log(stats.Ended)
}

// TestLongMessageForManySets publishes a message whose copies for all sets exceed the limit
// together. Subscribers that read must get it anyway.
func TestLongMessageForManySets(t *testing.T) {
	s := serve(t, ssed.Options{BacklogBytesMax: 1 << 20, DataBytesMax: 60_000, BacklogTotalBytesMax: 1 << 20})
	var readers sync.WaitGroup
	data := strings.Repeat("x", 60_000) // a socket accepts this in one write
	for i := range 100 {
		_, r := subscribe(t, s, fmt.Sprintf("/subscribe?ns=/n&ns=/own/%d", i))
		readers.Go(func() {
			got := make([]byte, len(data)+len("data:\n\n"))
			if _, err := io.ReadFull(r, got); err != nil || string(got) != "data:"+data+"\n\n" {
				t.Errorf("subscriber %d: %v", i, err)
			}
		})
	}
	publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte(data)})
	readers.Wait()
	until(t, s, "no memory is held", func(s ssed.Stats) bool { return s.Backlog == 0 && s.Blocked == 0 })
}

// TestMailboxDoesNotStarvePublishers verifies that a publisher on the loop gets its replies while
// the mailbox never becomes empty.
func TestMailboxDoesNotStarvePublishers(t *testing.T) {
	testtool.Long(t, "32 publishers flood 1,100 subscribers")
	s := serve(t, ssed.Options{})
	for range 1100 { // more than one turn of the loop writes to
		_, r := subscribe(t, s, "/subscribe/n")
		go io.Copy(io.Discard, r)
	}
	stop := make(chan struct{})
	var flood sync.WaitGroup
	for range 32 {
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					publishAll(t, s, sse.Message{Namespace: "/n", Data: make([]byte, 2000)})
				}
			}
		})
	}
	defer flood.Wait()
	defer close(stop)
	p := dial(t, s.PublishAddrs()[0])
	r := bufio.NewReader(p)
	for range testtool.FewerUnderRace(20) {
		fmt.Fprint(p, "PUB /n - x\n")
		if got := line(t, r); !strings.HasPrefix(got, "OK ") {
			t.Error(got)
		}
	}
}
