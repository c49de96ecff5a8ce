package loop

import (
	"context"
	"sync"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// An inlet is the way into a daemon for messages that no publisher on a loop has sent: messages of
// Server.Publish, of publishers on another event loop, and of a Store. With one loop it is the
// loop's mailbox, and with several loops the feed. Any goroutine may call its methods.
type inlet interface {
	// sink returns the sink for publishers on another event loop.
	sink() publish.Sink
	// put adds a message that has no number yet, and returns its number.
	put(ctx context.Context, namespace, event, data []byte) (uint64, error)
	// putNumbered is like put, for a message that already has a number. 0 means that it has none.
	putNumbered(ctx context.Context, seq uint64, namespace, event, data []byte) (uint64, error)
	// close makes put fail from now on.
	close()
}

// closeMailbox closes the mailbox of l, which takes no more messages.
func (l *Loop) closeMailbox() {
	if l.mailbox.closeOnce() && l.shared.feed != nil {
		l.shared.feed.boxClosed()
	}
}

// inlet returns the way into the daemon of l.
func (l *Loop) inlet() inlet {
	if l.shared.feed != nil {
		return l.shared.feed
	}
	return l.mailbox
}

// A feed passes each message to the mailboxes of all loops of a daemon. It is the one place where
// the messages of a daemon with several loops get their order. It numbers, frames and keeps a
// message once, and copies the record into each mailbox. So all loops get the same records in the
// same order:
//
//	publishers' loop ─┐                              ┌─► mailbox of loop 0
//	Server.Publish ───┼─► number, frame, keep ─► copy ┼─► mailbox of loop 1
//	StoreSink ────────┘                              └─► ...
//
// A goroutine that finds any mailbox full waits until its loop has emptied it. So one slow loop
// slows down publishers, but no loop misses a message.
//
// mu is held while one record is made, and while a batch is copied. Only the feed adds to the
// mailboxes, so the room that it found in a mailbox cannot get less while it holds mu.
type feed struct {
	history *sharedHistory // nil: nothing is kept

	mu     sync.Mutex
	boxes  []*mailbox
	room   []int  // by mailbox: at least this many bytes are free
	newest uint64 // number of the newest message
	open   int    // how many mailboxes are not closed
	closed bool
	batch  []byte // records that are numbered and kept, but not copied yet: see feedSink
	idLine []byte // scratch
}

// batchBytesMax limits how many bytes of records wait in a batch. It is about as much as a
// publisher sends in one read.
const batchBytesMax = 64 << 10

// A feedSink is the sink for publishers on another event loop. It collects the messages of one read
// of a publisher, and copies them into each mailbox together. So a loop is woken once per read.
type feedSink struct{ *feed }

func (f *feed) sink() publish.Sink { return feedSink{f} }

// Publish implements publish.Sink.
func (f feedSink) Publish(namespace, event, data []byte) (uint64, error) {
	return f.collect(context.Background(), 0, namespace, event, data)
}

// Flush implements publish.Flusher.
func (f feedSink) Flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flush()
}

// add adds the mailbox of one more loop. It must be called before the first message.
func (f *feed) add(box *mailbox) {
	f.boxes = append(f.boxes, box)
	f.room = append(f.room, 0)
	f.open++
}

// boxClosed notes that one more mailbox is closed. The feed is closed with the last one.
func (f *feed) boxClosed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open--; f.open == 0 {
		f.closed = true
	}
}

func (f *feed) put(ctx context.Context, namespace, event, data []byte) (uint64, error) {
	return f.putNumbered(ctx, 0, namespace, event, data)
}

// putNumbered implements inlet. Without a namespace, data is a control record of a Store.
func (f *feed) putNumbered(ctx context.Context, seq uint64, namespace, event, data []byte) (uint64, error) {
	seq, err := f.collect(ctx, seq, namespace, event, data)
	if err == nil {
		feedSink{f}.Flush()
	}
	return seq, err
}

// collect is putNumbered, except that the record may stay in the batch until the next flush.
func (f *feed) collect(ctx context.Context, seq uint64, namespace, event, data []byte) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.waitRoom(ctx, len(namespace)+len(data)); err != nil {
		return 0, err
	}
	before := len(f.batch)
	switch {
	case len(namespace) == 0:
		f.control(seq, data)
		f.batch = appendRecord(f.batch, seq, nil, nil, nil, data)
	case seq != 0 && seq <= f.newest:
		return seq, nil // all loops have it
	default:
		if seq == 0 {
			seq = f.newest + 1
		}
		f.advance(seq)
		f.makeRecord(seq, namespace, event, data)
	}
	for i := range f.room {
		f.room[i] -= len(f.batch) - before
	}
	if len(f.batch) >= batchBytesMax {
		f.flush()
	}
	return seq, nil
}

// flush copies the batch into each mailbox.
func (f *feed) flush() {
	if len(f.batch) == 0 {
		return
	}
	for _, box := range f.boxes {
		box.append(f.batch)
	}
	if f.batch = f.batch[:0]; cap(f.batch) > spareBytesMax {
		f.batch = nil
	}
}

// waitRoom waits until every mailbox has room for a message of this size after the batch. It
// releases mu while it waits, so other messages may be added first.
func (f *feed) waitRoom(ctx context.Context, size int) error {
	for i := 0; i < len(f.boxes); {
		if f.closed {
			return publish.ErrStopping
		}
		if f.room[i] >= size {
			i++
			continue
		}
		f.flush() // so that the loops can empty all of it
		free, anySize, emptied := f.boxes[i].free()
		if f.room[i] = free; anySize || free >= size {
			i++
			continue
		}
		f.mu.Unlock()
		select {
		case <-emptied:
		case <-ctx.Done():
		}
		f.mu.Lock()
		if err := ctx.Err(); err != nil {
			return err
		}
		i = 0
	}
	return nil
}

// advance makes seq the newest number.
func (f *feed) advance(seq uint64) {
	if missing := seq - 1; missing > f.newest && f.history != nil {
		f.history.raise(missing)
	}
	f.newest = seq
}

// makeRecord appends the record of a message to the batch, with its id if it is kept, and keeps it.
func (f *feed) makeRecord(seq uint64, namespace, event, data []byte) {
	if f.history == nil {
		f.batch = appendRecord(f.batch, seq, namespace, nil, event, data)
		return
	}
	f.history.mu.Lock()
	defer f.history.mu.Unlock()
	f.history.newest = seq
	f.idLine = f.idLine[:0]
	if f.history.kept.Keeps(namespace) {
		f.idLine = sse.AppendIDLine(f.idLine, sse.ID{Epoch: f.history.epoch, Seq: seq})
	}
	begin := len(f.batch)
	f.batch = appendRecord(f.batch, seq, namespace, f.idLine, event, data)
	if len(f.idLine) > 0 {
		r, _ := nextRecord(f.batch[begin:])
		f.history.kept.Settle(f.history.deliveredByAll())
		f.history.kept.Add(namespace, r.frame, seq, f.history.now())
	}
}

// control does for the shared history what a loop does for its own when it gets a control record.
func (f *feed) control(seq uint64, control []byte) {
	switch control[0] {
	case controlSkip:
		if seq > f.newest {
			f.advance(seq)
			f.history.skipTo(seq)
		}
	case controlTrim:
		f.history.raise(min(seq, f.newest))
	case controlBegin:
		if epoch := string(control[1:]); f.history.begin(epoch, seq, f.newest) {
			f.newest = seq
		}
	}
}

// close implements inlet. The batch is flushed first, because its messages are accepted.
func (f *feed) close() {
	f.mu.Lock()
	f.flush()
	f.closed = true
	f.mu.Unlock()
	for _, box := range f.boxes {
		box.wakeWaiting()
	}
}
