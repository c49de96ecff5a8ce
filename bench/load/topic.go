package load

import (
	"bytes"
	"math/bits"
)

// topic is a [Topic] with the state of its messages and subscribers.
//
// A position is a number of messages. The position of every reading subscriber is between oldest
// and sent, and sent-oldest is at most window. So rings of window messages are sufficient for all
// data below.
type topic struct {
	name    string   // its first namespace, for errors
	targets []string // of the subscribers' requests, in turn
	joined  int      // how many targets were used
	first   uint64   // the sequence number in the payload of message 0
	window  uint64   // maximum of messages in flight
	sent    uint64   // messages published
	oldest  uint64   // the position of the slowest subscriber
	readers int      // reading subscribers
	queued  bool     // in the generator's list of topics that have room

	count []int32 // how many subscribers are at a position, by position % (window+1)
	times []int64 // when a message was published (open loop: due), by message % window

	frame    []byte   // one frame as a server of known framing sends it
	lines    [][]byte // the bytes to send per namespace; the namespaces take turns
	tail     int      // bytes after the payload in each line
	payload  []byte   // a sample payload; all have its size
	expected []byte   // a ring of window frames, as they must arrive
}

// newTopic returns topic number n of total, with payloads of size bytes and at most window messages
// in flight.
func newTopic(n, total int, what Topic, write writer, size int, window uint64) topic {
	t := topic{name: what.Namespaces[0], targets: what.Targets, window: window}
	if bits := bits.Len(uint(total - 1)); bits > 0 {
		t.first = uint64(n) << (seqBits - bits)
	}
	t.payload = newPayload(size)
	t.frame = append([]byte("event:"+event+"\ndata:"), t.payload...)
	t.frame = append(t.frame, "\n\n"...)
	t.lines, t.tail = newLines(write, what.Namespaces, size)
	t.count = make([]int32, window+1)
	t.times = make([]int64, window)
	t.expected = bytes.Repeat(t.frame, int(window))
	return t
}

// target returns the request target of the next subscriber.
func (t *topic) target() string {
	t.joined++
	return t.targets[(t.joined-1)%len(t.targets)]
}

// join adds a subscriber. All subscribers must join before the first message is published.
func (t *topic) join() {
	t.count[t.sent%(t.window+1)]++
	t.readers++
}

// room returns how many messages may be published now. A topic without readers has no room, because
// nothing would ever make room again.
func (t *topic) room() uint64 {
	if t.readers == 0 {
		return 0
	}
	return t.window - (t.sent - t.oldest)
}

// publish records one more message, published at time at, and appends the bytes to send to out.
func (t *topic) publish(out []byte, at int64) []byte {
	slot := t.sent % t.window
	t.times[slot] = at
	seq := t.first + t.sent
	line := t.lines[t.sent%uint64(len(t.lines))]
	t.sent++

	out = append(out, line...)
	inLine := out[len(out)-t.tail-len(t.payload):]
	putDigits(inLine[seqAt:timeAt], seq)
	putDigits(inLine[timeAt:fillerAt], uint64(at))

	frame := t.expected[slot*uint64(len(t.frame)):]
	copy(frame[len(t.frame)-len(t.payload)-2:][seqAt:fillerAt], inLine[seqAt:fillerAt])
	return out
}

// advance moves one subscriber from one position to another. It reports whether oldest has changed.
func (t *topic) advance(from, to uint64) bool {
	t.count[from%(t.window+1)]--
	t.count[to%(t.window+1)]++
	before := t.oldest
	for t.oldest < t.sent && t.count[t.oldest%(t.window+1)] == 0 {
		t.oldest++
	}
	return t.oldest != before
}

// matches reports whether b is equal to the bytes that a subscriber must receive next, given its
// position and the offset in the next frame. It returns false if b contains more bytes than were
// published.
func (t *topic) matches(position uint64, offset int, b []byte) bool {
	frame := uint64(len(t.frame))
	if uint64(offset)+uint64(len(b)) > (t.sent-position)*frame {
		return false
	}
	start := (position%t.window)*frame + uint64(offset)
	piece := t.expected[start:]
	if len(b) <= len(piece) {
		return bytes.Equal(b, piece[:len(b)])
	}
	return bytes.Equal(b[:len(piece)], piece) && bytes.Equal(b[len(piece):], t.expected[:len(b)-len(piece)])
}

// begun returns the first offset bytes of the frame at a position.
func (t *topic) begun(position uint64, offset int) []byte {
	start := (position % t.window) * uint64(len(t.frame))
	return t.expected[start : start+uint64(offset)]
}
