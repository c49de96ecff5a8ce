package loop

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A mailbox carries messages that the loop did not read itself: messages of PublishMessage, of
// publishers on another event loop, and of a Store. The goroutine that puts a message in also
// checks and frames it, so the loop only has to append it. The mailbox is bounded in bytes, but an
// empty one accepts a message of any size. A goroutine that finds it full waits until the loop has
// emptied it.
//
// With several loops, only the feed adds to the mailboxes, and it waits until all of them have
// room. So it uses free and append, and not put.
//
// Records are in the order of put or append, and the loop publishes them in this order. Only the
// loop calls swap. Any goroutine may call the other methods. The lock is held for as long as it
// takes to copy one message or one batch of the feed, and guards the fields below mu.
type mailbox struct {
	bytesMax int
	wakeup   *wakeup

	mu      sync.Mutex
	records []byte        // the waiting records: see appendRecord
	count   uint64        // how many records were ever put in
	room    chan struct{} // closed, and replaced, when the loop empties the box
	closed  bool
	small   int // how often in a row swap has found few records for the larger one of its two buffers
}

func newMailbox(bytesMax int, wakeup *wakeup) *mailbox {
	return &mailbox{bytesMax: bytesMax, wakeup: wakeup, room: make(chan struct{})}
}

// put adds one message and returns its position in the order of the mailbox, counted from 1. It
// waits while the box is full. The error wraps publish.ErrBusy if the server is stopping; otherwise
// it is the context's.
func (m *mailbox) put(ctx context.Context, namespace, event, data []byte) (uint64, error) {
	return m.putNumbered(ctx, 0, namespace, event, data)
}

// putNumbered is like put, for a message that already has a sequence number. 0 means that it has
// none.
func (m *mailbox) putNumbered(ctx context.Context, seq uint64, namespace, event, data []byte) (uint64, error) {
	m.mu.Lock()
	for !m.closed && len(m.records) > 0 && len(m.records)+len(namespace)+len(data) > m.bytesMax {
		room := m.room
		m.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		m.mu.Lock()
	}
	defer m.mu.Unlock()
	if m.closed {
		return 0, publish.ErrStopping
	}
	wasEmpty := len(m.records) == 0
	m.records = appendRecord(m.records, seq, namespace, nil, event, data)
	m.count++
	if wasEmpty {
		m.wakeup.notify()
	}
	return m.count, nil
}

// free returns how many bytes are free. A message of any size may be added to an empty or closed
// box. Otherwise, emptied is closed when the loop empties the box.
func (m *mailbox) free() (bytes int, anySize bool, emptied <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytesMax - len(m.records), len(m.records) == 0 || m.closed, m.room
}

// append adds complete records without waiting. A closed box ignores them, because its loop has
// ended.
func (m *mailbox) append(records []byte) {
	m.mu.Lock()
	wasEmpty := len(m.records) == 0
	if !m.closed {
		m.records = append(m.records, records...)
	}
	m.mu.Unlock()
	if wasEmpty {
		m.wakeup.notify()
	}
}

// wakeWaiting makes goroutines that wait for room check again.
func (m *mailbox) wakeWaiting() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.room)
	m.room = make(chan struct{})
}

// spareBytesMax is the largest buffer that is always kept for reuse. A larger one is dropped when
// swap has found few records smallMax times in a row: less than an eighth of the larger one of its
// two buffers. They take turns, so they are counted together.
const (
	spareBytesMax = 256 << 10
	smallMax      = 64
)

// swap empties the box and returns its records. The loop passes the buffer that it got last time
// and no longer needs, which becomes the buffer for the next records. Goroutines that wait for room
// continue.
func (m *mailbox) swap(spare []byte) (records []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.records) == 0 {
		return spare[:0]
	}
	if len(m.records) >= max(cap(spare), cap(m.records))/8 {
		m.small = 0
	} else if m.small++; m.small >= smallMax && cap(spare) > spareBytesMax {
		spare = nil // a flood has passed
	}
	records, m.records = m.records, spare[:0]
	close(m.room)
	m.room = make(chan struct{})
	return records
}

// close makes put fail from now on. Records that are already in the box stay there.
func (m *mailbox) close() { m.closeOnce() }

// closeOnce closes the box, and reports whether it was open before.
func (m *mailbox) closeOnce() (wasOpen bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.closed = true
	close(m.room)
	m.room = make(chan struct{})
	return true
}

// A record is one message of the box, or one control record of a Store: see controlSkip.
type record struct {
	seq       uint64 // the message's number; 0: the loop assigns it, which must be the only one
	namespace []byte // empty: a control record, whose content is in frame
	frame     []byte
}

// recordHead is the size of a record's head: the number, and the lengths of namespace and frame.
const recordHead = 8 + 2 + 4

// appendRecord appends a record to dst: the head, the namespace and the frame, which starts with
// idLine. Without a namespace, data is stored in place of the frame, unchanged.
func appendRecord(dst []byte, seq uint64, namespace, idLine, event, data []byte) []byte {
	head := len(dst)
	dst = append(dst, make([]byte, recordHead)...)
	dst = append(dst, namespace...)
	frame := len(dst)
	if len(namespace) > 0 {
		dst = sse.AppendFrame(append(dst, idLine...), event, data)
	} else {
		dst = append(dst, data...)
	}
	binary.LittleEndian.PutUint64(dst[head:], seq)
	binary.LittleEndian.PutUint16(dst[head+8:], uint16(len(namespace)))
	binary.LittleEndian.PutUint32(dst[head+10:], uint32(len(dst)-frame))
	return dst
}

// nextRecord splits off the first record. Its slices point into records.
func nextRecord(records []byte) (r record, rest []byte) {
	n := int(binary.LittleEndian.Uint16(records[8:]))
	f := int(binary.LittleEndian.Uint32(records[10:]))
	r.seq = binary.LittleEndian.Uint64(records)
	r.namespace = records[recordHead : recordHead+n]
	r.frame = records[recordHead+n : recordHead+n+f]
	return r, records[recordHead+n+f:]
}

// sink implements inlet.
func (m *mailbox) sink() publish.Sink { return m }

// Publish implements publish.Sink for the publishers' own event loop, if there is one loop for
// subscribers. It waits while the box is full, which blocks only the publishers' loop.
func (m *mailbox) Publish(namespace, event, data []byte) (uint64, error) {
	return m.put(context.Background(), namespace, event, data)
}

// empty reports whether no record waits.
func (m *mailbox) empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.records) == 0
}
