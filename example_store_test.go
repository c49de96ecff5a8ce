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

// A listStore is a ssed.Store at its shortest: a list in memory, and the servers that
// it delivers to. (Package store has one that lasts: a stream of NATS JetStream.)
type listStore struct {
	mu       sync.Mutex
	messages []ssed.PublishRequest
	from     time.Time
	keys     map[string]uint64
	servers  []ssed.StoreSink
}

// Submit answers at once here. Most stores answer later.
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
	for _, server := range h.servers {
		go deliver(server, seq, m)
	}
}

// deliver brings a server one message. It needs all numbers: where others write to
// the store, too, there may be one that is no message of ours.
func deliver(server ssed.StoreSink, seq uint64, m ssed.PublishRequest) error {
	if !utf8.Valid(m.Data) {
		return server.Skip(context.Background(), seq)
	}
	return server.Deliver(context.Background(), seq, m.Namespace, m.Event, m.Data)
}

// letGo is for a store that keeps messages for a while only.
func (h *listStore) letGo(until uint64) (err error) {
	for _, server := range h.servers {
		err = errors.Join(err, server.Trim(context.Background(), until))
	}
	return err
}

func (h *listStore) Full() bool                 { return false }
func (h *listStore) Wait(context.Context) error { return nil }
func (h *listStore) Newest() uint64             { return uint64(len(h.messages)) }

// Read reads what a server that began late does not have.
func (h *listStore) Read(_ context.Context, q ssed.Query) (part ssed.Part, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if part.After = q.After; q.Last > 0 {
		part.After = q.Newest - min(q.Newest, uint64(q.Last)) // good enough where a set is everything
	} else if q.Since.After(h.from) {
		part.After = q.Until
	}
	part.Lost = 0 // nothing is ever lost here
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

// join has a server begin with what comes from now on.
func (h *listStore) join(server *ssed.Server) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	sink, ctx := server.StoreSink(), context.Background()
	h.servers = append(h.servers, sink)
	if err := sink.Begin(ctx, "list", h.Newest()); err != nil {
		return err
	}
	return sink.Live(ctx)
}

// A store joins servers: what is published at one is delivered by all, with the same
// ids, and who comes back to another gets what it missed.
func ExampleStore() {
	store := &listStore{keys: map[string]uint64{}, from: time.Now()}
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
	if stats, err := second.Stats(ctx); err != nil || stats.Newest != 2 { // it has begun
		panic(err)
	}
	if err := store.letGo(0); err != nil { // nothing yet
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
