package loop

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A mailbox is the way in for messages that were not read by the loop itself.
// They are checked and framed by whoever puts them in, so that the loop only
// has to append. It is bounded in bytes; who finds it full waits.
//
// Its lock is held for as long as it takes to copy one message.
type mailbox struct {
	bytesMax int
	wakeup   *wakeup

	mu      sync.Mutex
	records []byte        // what waits: see appendRecord
	count   uint64        // how many records were ever put in
	room    chan struct{} // closed when the loop has emptied the box
	closed  bool
}

func newMailbox(bytesMax int, wakeup *wakeup) *mailbox {
	return &mailbox{bytesMax: bytesMax, wakeup: wakeup, room: make(chan struct{})}
}

// put adds one message and returns its place in the order of the mailbox,
// counted from 1. It waits while the box is full. The error wraps
// publish.ErrBusy when the server is stopping, or is the context's.
func (m *mailbox) put(ctx context.Context, namespace, event, data []byte) (uint64, error) {
	return m.putNumbered(ctx, 0, namespace, event, data)
}

// putNumbered adds one that has its number already.
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
	m.records = appendRecord(m.records, seq, namespace, event, data)
	m.count++
	if wasEmpty {
		m.wakeup.notify()
	}
	return m.count, nil
}

// spareBytesMax is how large a buffer is kept for good.
const spareBytesMax = 256 << 10

// swap empties the box and returns its records. The caller passes the buffer that it
// got last time, which it no longer needs.
func (m *mailbox) swap(spare []byte) (records []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.records) == 0 {
		return spare[:0]
	}
	if cap(spare) > spareBytesMax && len(m.records) < cap(spare)/8 {
		spare = nil // a flood is over
	}
	records, m.records = m.records, spare[:0]
	close(m.room)
	m.room = make(chan struct{})
	return records
}

// close refuses everything from here on. What was put in stays.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.room)
		m.room = make(chan struct{})
	}
}

// A record is one message of the box, or a word of a Store's.
type record struct {
	seq       uint64 // its number, if it has one already; 0: the loop gives it
	namespace []byte // none: it is a word, which stands in place of the frame
	frame     []byte
}

// recordHead is the number and two lengths: of the namespace and of the frame.
const recordHead = 8 + 2 + 4

func appendRecord(dst []byte, seq uint64, namespace, event, data []byte) []byte {
	head := len(dst)
	dst = append(dst, make([]byte, recordHead)...)
	dst = append(dst, namespace...)
	frame := len(dst)
	if len(namespace) > 0 {
		dst = sse.AppendFrame(dst, event, data)
	} else {
		dst = append(dst, data...)
	}
	binary.LittleEndian.PutUint64(dst[head:], seq)
	binary.LittleEndian.PutUint16(dst[head+8:], uint16(len(namespace)))
	binary.LittleEndian.PutUint32(dst[head+10:], uint32(len(dst)-frame))
	return dst
}

// nextRecord splits the first record off.
func nextRecord(records []byte) (r record, rest []byte) {
	n := int(binary.LittleEndian.Uint16(records[8:]))
	f := int(binary.LittleEndian.Uint32(records[10:]))
	r.seq = binary.LittleEndian.Uint64(records)
	r.namespace = records[recordHead : recordHead+n]
	r.frame = records[recordHead+n : recordHead+n+f]
	return r, records[recordHead+n+f:]
}

// Publish makes the mailbox a publish.Sink, for the publishers' own loop. It
// waits when the box is full, which holds up that loop and nobody else.
func (m *mailbox) Publish(namespace, event, data []byte) (uint64, error) {
	return m.put(context.Background(), namespace, event, data)
}

func (m *mailbox) empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.records) == 0
}
