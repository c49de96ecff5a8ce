package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

func TestMain(m *testing.M) { os.Exit(testtool.RunWaiting(m)) }

// A node is a server with an embedded Store.
type node struct {
	*ssed.Server
	store *Store
	log   *logBuffer
	end   func()
}

// startNode runs a node until the test ends. It returns once the stream is available.
func startNode(t testing.TB, dir string, opts Options) *node {
	t.Helper()
	n := &node{log: &logBuffer{}}
	opts.Embedded, opts.Logger = &Embedded{Dir: dir}, n.log.logger()
	var err error
	if n.store, err = New(opts); err != nil {
		t.Fatal(err)
	}
	n.Server, err = ssed.New(ssed.Options{Store: n.store, Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: n.log.logger(),
		DataBytesMax: opts.DataBytesMax, BacklogBytesMax: 128 << 20, BacklogTotalBytesMax: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- n.store.Serve(n.StoreSink()) }()
	go func() { ended <- n.Server.Serve() }()
	over := false
	n.end = func() {
		if over {
			return
		}
		over = true
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, err := range []error{n.Server.Shutdown(ctx), n.store.Shutdown(ctx), <-ended, <-ended} {
			if err != nil {
				t.Errorf("at the end: %v", err)
			}
		}
	}
	t.Cleanup(n.end)
	<-n.Server.Ready()
	testtool.WaitFor(t, "the stream to be available", func() bool { return n.store.Status().Reached })
	return n
}

// jetStream connects to the embedded server of the node, like another program.
func (n *node) jetStream(t testing.TB) jetstream.JetStream { return connectStore(t, n.store.embedded) }

// subscribe opens a stream. It retries until the node accepts subscribers.
func (n *node) subscribe(t testing.TB, target string) *bufio.Reader {
	t.Helper()
	var r *bufio.Reader
	testtool.WaitFor(t, "the node to accept subscribers", func() bool {
		request, err := http.NewRequestWithContext(testContext(t), "GET", "http://"+n.ListenAddrs()[0].String()+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		r = bufio.NewReader(answer.Body)
		stats, err := n.Stats(t.Context())
		return err == nil && stats.Subscribers > 0
	})
	return r
}

// nextData returns the data of the next message.
func nextData(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			return strings.TrimSuffix(data, "\n")
		}
	}
}

func (n *node) publish(t testing.TB, data ...string) {
	t.Helper()
	for _, d := range data {
		if err := n.Publish(testContext(t), sse.Message{Namespace: "/x", Data: []byte(d)}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoreWithDeletedNewest verifies that a server becomes live if the stream's last messages are
// deleted, and that it delivers the next one.
func TestStoreWithDeletedNewest(t *testing.T) {
	dir := t.TempDir()
	for _, deleted := range [][]uint64{{5}, {4, 5}, {1, 2, 3}} {
		n := startNode(t, dir, Options{})
		n.publish(t, "1", "2", "3", "4", "5")
		stream, err := n.jetStream(t).Stream(testContext(t), DefaultStream)
		if err != nil {
			t.Fatal(err)
		}
		last := n.store.Newest()
		for _, seq := range deleted {
			if err := stream.DeleteMsg(testContext(t), last-5+seq); err != nil {
				t.Fatal(err)
			}
		}
		n.end()

		n = startNode(t, dir, Options{})
		r := n.subscribe(t, fmt.Sprintf("/subscribe/x?last_event_id=%s-%d", n.store.Status().Epoch, last))
		n.publish(t, "next")
		if got := nextData(t, r); got != "next" {
			t.Errorf("%d deleted: got %q", deleted, got)
		}
		if s := n.store.Status(); s.Delivered != last+1 || s.Lag != 0 {
			t.Errorf("%d deleted: %+v", deleted, s)
		}
		n.end()
	}
}

// TestStoreLongMessages verifies that messages of other programs can have any length that the NATS
// server accepts. A message that is too long is skipped and does not block later ones.
func TestStoreLongMessages(t *testing.T) {
	n := startNode(t, t.TempDir(), Options{DataBytesMax: 7 << 20})
	r := n.subscribe(t, "/subscribe/x")
	js := n.jetStream(t)
	for _, size := range []int{7 << 20, 8 << 20} {
		if _, err := js.Publish(testContext(t), "ssed.x", bytes.Repeat([]byte("y"), size)); err != nil {
			t.Fatal(err)
		}
	}
	n.publish(t, "short")
	if got := nextData(t, r); len(got) != 7<<20 {
		t.Errorf("got %d bytes", len(got))
	}
	if got := nextData(t, r); got != "short" {
		t.Errorf("got %.40q", got)
	}
	if s := n.store.Status(); s.Undeliverable != 1 {
		t.Errorf("%d messages were skipped", s.Undeliverable)
	}
}

// TestStoreReadsTheNewest verifies that Read finds the last messages while others are published.
func TestStoreReadsTheNewest(t *testing.T) {
	n := startNode(t, t.TempDir(), Options{})
	for i := range 2000 {
		n.Publish(testContext(t), sse.Message{Namespace: "/x", Data: fmt.Append(nil, i)})
	}
	js, newest := n.jetStream(t), n.store.Newest()
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if _, err := js.PublishAsync("ssed.x", []byte("more")); err != nil {
				return
			}
			time.Sleep(50 * time.Microsecond)
		}
	}()
	for range 20 {
		part, err := n.store.Read(ctx, ssed.Query{Set: []string{"/x"}, Until: newest, BytesMax: 1 << 20, Last: 10, Newest: newest})
		if err != nil {
			t.Fatal(err)
		}
		if len(part.Ends) < 10 || part.Ends[len(part.Ends)-1].Seq != newest {
			t.Errorf("of 10 messages up to %d it found %d, after %d", newest, len(part.Ends), part.After)
		}
	}
	cancel()
	<-done
}

// TestStoreStopsQuietly verifies that messages that arrive after the server has stopped cause no
// trouble and no error lines.
func TestStoreStopsQuietly(t *testing.T) {
	n := startNode(t, t.TempDir(), Options{})
	js := n.jetStream(t)
	if err := n.Server.Shutdown(testContext(t)); err != nil {
		t.Fatal(err)
	}
	for range 100 { // each is a round trip
		if _, err := js.Publish(testContext(t), "ssed.x", []byte("late")); err != nil {
			t.Fatal(err)
		}
	}
	n.end()
	if said := n.log.String(); strings.Contains(said, "ERROR") || strings.Contains(said, "unavailable") {
		t.Errorf("logged %s", said)
	}
}
