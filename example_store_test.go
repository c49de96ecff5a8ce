package ssed_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// A listStore is a minimal ssed.Store: a list in memory, and the servers to which it delivers.
// Package store implements a persistent Store on NATS JetStream.
type listStore struct {
	mu       sync.Mutex
	stored   *sync.Cond // on mu: messages has grown
	messages []ssed.PublishRequest
	from     time.Time
	keys     map[string]uint64
	servers  []ssed.StoreSink
}

// Submit answers immediately. Most stores answer later.
func (h *listStore) Submit(m ssed.PublishRequest, to ssed.Acker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if seq, again := h.keys[string(m.Key)]; again {
		to.Ack(seq, nil)
		return
	}
	m = ssed.PublishRequest{Namespace: slices.Clone(m.Namespace), Event: slices.Clone(m.Event), Key: slices.Clone(m.Key), Data: slices.Clone(m.Data)}
	h.messages = append(h.messages, m)
	seq := uint64(len(h.messages))
	if len(m.Key) > 0 {
		h.keys[string(m.Key)] = seq
	}
	to.Ack(seq, nil)
	h.stored.Broadcast()
}

// deliverAll delivers the messages after a number to a server, in order, until the server stops.
// Each server has one goroutine for this, so that no message overtakes another.
func (h *listStore) deliverAll(server ssed.StoreSink, after uint64) {
	for seq := after + 1; ; seq++ {
		h.mu.Lock()
		for uint64(len(h.messages)) < seq {
			h.stored.Wait()
		}
		m := h.messages[seq-1]
		h.mu.Unlock()
		if deliver(server, seq, m) != nil {
			return
		}
	}
}

// deliver sends one message to a server. The server must get every number, so deliver skips entries
// that are not valid messages. Such entries exist if other programs write to the store, too.
func deliver(server ssed.StoreSink, seq uint64, m ssed.PublishRequest) error {
	if !utf8.Valid(m.Data) {
		return server.Skip(context.Background(), seq)
	}
	return server.Deliver(context.Background(), seq, m.Namespace, m.Event, m.Data)
}

// trim informs the servers that the messages up to a number are deleted. A store calls it if it
// keeps messages for a limited time.
func (h *listStore) trim(until uint64) (err error) {
	for _, server := range h.servers {
		err = errors.Join(err, server.Trim(context.Background(), until))
	}
	return err
}

func (h *listStore) Full() bool                 { return false }
func (h *listStore) Wait(context.Context) error { return nil }

// Newest implements ssed.Store.
func (h *listStore) Newest() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return uint64(len(h.messages))
}

// Read returns messages from before the server's start.
func (h *listStore) Read(_ context.Context, q ssed.Query) (part ssed.Part, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if part.After = q.After; q.Last > 0 {
		part.After = q.Newest - min(q.Newest, uint64(q.Last)) // exact for the namespace / only
	} else if q.Since.After(h.from) {
		part.After = q.Until
	}
	part.Lost = 0 // this store never loses messages
	for seq := part.After + 1; seq <= q.Until && len(part.Frames) < q.BytesMax; seq++ {
		m := h.messages[seq-1]
		if slices.ContainsFunc(q.Set, func(ns string) bool { return nsindex.Within(m.Namespace, ns) }) {
			part.Frames = sse.AppendIDLine(part.Frames, sse.ID{Epoch: "list", Seq: seq})
			part.Frames = sse.AppendFrame(part.Frames, m.Event, m.Data)
			part.Ends = append(part.Ends, sse.FrameEnd{Offset: len(part.Frames), Seq: seq})
		}
		part.Last = seq == q.Until
	}
	return part, nil
}

// join starts the delivery of new messages to a server.
func (h *listStore) join(server *ssed.Server) error {
	sink, ctx, newest := server.StoreSink(), context.Background(), h.Newest()
	if err := sink.Begin(ctx, "list", newest); err != nil {
		return err
	}
	if err := sink.Live(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers = append(h.servers, sink)
	go h.deliverAll(sink, newest)
	return nil
}

// A store connects several servers. Each server delivers all messages with the same ids, so a
// client that reconnects to another server gets the messages that it missed.
func ExampleStore() {
	store := &listStore{keys: map[string]uint64{}, from: time.Now()}
	store.stored = sync.NewCond(&store.mu)
	serveOne := func() (server *ssed.Server, end func()) {
		server, err := ssed.New(ssed.Options{Store: store, Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			panic(err)
		}
		go server.Serve()
		<-server.Ready()
		if err := store.join(server); err != nil {
			panic(err)
		}
		return server, func() { server.Shutdown(context.Background()) }
	}
	first, end := serveOne()
	defer end()
	ctx := context.Background()
	for _, data := range []string{"one", "two", "two"} {
		if err := first.Publish(ctx, ssed.Message{Namespace: "/x", Data: []byte(data), Key: data}); err != nil {
			panic(err)
		}
	}
	second, end := serveOne()
	defer end()
	// The second server starts after the two messages.
	if stats, err := second.Stats(ctx); err != nil || stats.Newest != 2 {
		panic(err)
	}
	if err := store.trim(0); err != nil { // no messages are deleted yet
		panic(err)
	}
	answer, err := http.Get(fmt.Sprintf("http://%s/subscribe/x?last_event_id=list-0", second.ListenAddrs()[0]))
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan() && lines.Text() != "data:two"; {
		if strings.Contains(lines.Text(), ":") {
			fmt.Println(lines.Text())
		}
	}
	// Output:
	// id:list-1
	// data:one
	// id:list-2
}
