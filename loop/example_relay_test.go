package loop_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"sync"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

// A notebook is a hub for one server, in memory: what is published is numbered and
// kept here, and comes back to the loop by the Inlet. One that outlives the server, or
// that several share, does the same (package relay).
type notebook struct {
	mu    sync.Mutex
	more  sync.Cond
	notes []loop.Submission // the first has the number 1
	asks  []loop.Answerer   // of those that were not delivered yet
}

// Submit keeps a copy, and does not answer at once: it must not wait.
func (n *notebook) Submit(m loop.Submission, to loop.Answerer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, loop.Submission{
		Namespace: append([]byte(nil), m.Namespace...),
		Event:     append([]byte(nil), m.Event...),
		Data:      append([]byte(nil), m.Data...),
		Key:       append([]byte(nil), m.Key...), // one that is known already would be answered with its number
	})
	n.asks = append(n.asks, to)
	n.more.Signal()
}

func (n *notebook) Full() bool                 { return false }
func (n *notebook) Wait(context.Context) error { return nil }

func (n *notebook) Newest() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return uint64(len(n.notes))
}

// Read finds what somebody missed who comes back.
func (n *notebook) Read(ctx context.Context, q loop.Query) (part loop.Part, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	part = loop.Part{After: q.After, Last: true, Lost: 0}
	if q.Last > 0 || !q.Since.IsZero() {
		part.After = q.Newest // this one does not look for the newest few
	}
	for seq := part.After + 1; seq <= min(q.Until, uint64(len(n.notes))); seq++ {
		if len(part.Frames) >= q.BytesMax {
			part.Last = false
			break
		}
		note := n.notes[seq-1]
		part.Frames = sse.AppendIDLine(part.Frames, sse.ID{Epoch: "notes", Seq: seq})
		part.Frames = sse.AppendFrame(part.Frames, note.Event, note.Data)
		part.Ends = append(part.Ends, sse.FrameEnd{Offset: len(part.Frames), Seq: seq})
	}
	return part, nil
}

// deliver answers and brings back, in order, until the server has ended.
func (n *notebook) deliver(inlet loop.Inlet) error {
	ctx := context.Background()
	if err := inlet.Begin(ctx, "notes", 0); err != nil {
		return err
	}
	if err := inlet.Live(ctx); err != nil { // from now on it takes subscribers
		return err
	}
	for seq := uint64(1); ; seq++ {
		n.mu.Lock()
		for uint64(len(n.notes)) < seq {
			n.more.Wait()
		}
		note, to := n.notes[seq-1], n.asks[seq-1]
		n.mu.Unlock()
		to.Answer(seq, nil)
		var err error
		if len(note.Data) > 100 {
			err = inlet.Pass(ctx, seq) // kept, but not for this server
		} else {
			err = inlet.Deliver(ctx, seq, note.Namespace, note.Event, note.Data)
		}
		if err == nil && seq == 1_000_000 {
			err = inlet.Trim(ctx, seq-1000) // for a hub that lets go of what is old
		}
		if err != nil {
			return err
		}
	}
}

// A Relay takes the numbering and the keeping of messages out of the server.
func ExampleRelay() {
	var notes notebook
	notes.more.L = &notes.mu
	server, err := loop.New(loop.Options{
		Listen: []string{"127.0.0.1:0"},
		Relay:  &notes,
		Drain:  -1,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	go notes.deliver(server.Inlet())
	go server.Serve()
	<-server.Ready()
	defer server.Shutdown(context.Background())

	for _, dog := range []string{"Corgi", "Beagle"} {
		if err := server.Publish(context.Background(), sse.Message{Namespace: "/pets", Event: "new-dog", Data: []byte(dog)}); err != nil {
			log.Fatal(err)
		}
	}
	for stats := (loop.Stats{}); stats.Newest < 2; { // they come back in a moment
		if stats, err = server.Stats(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
	res, err := http.Get("http://" + server.ListenAddrs()[0].String() + "/subscribe/pets?last_event_id=notes-1")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	frame := bufio.NewScanner(res.Body)
	for range 3 {
		frame.Scan()
		fmt.Println(frame.Text())
	}
	// Output:
	// id:notes-2
	// event:new-dog
	// data:Beagle
}
