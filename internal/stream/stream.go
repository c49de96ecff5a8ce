package stream

import (
	"bytes"
	"fmt"
)

// SegmentBytesMax is the size at which a segment is full, in bytes. A frame that
// is larger gets a segment of its own. Larger segments mean fewer and longer
// writes to a subscriber that catches up; smaller ones are freed sooner behind
// a slow subscriber.
const SegmentBytesMax = 256 << 10

// A segment is a run of whole frames. Its buffer starts small and doubles, so a
// stream that carries little stays little.
type segment struct {
	base    uint64 // position in the stream of buf[0]
	first   uint64 // how many messages came before it
	buf     []byte
	next    *segment
	cursors int // how many cursors stand in it
	counted int // bytes of memory that the pool counts for it: all of buf, unless that is empty
}

func (g *segment) end() uint64 { return g.base + uint64(len(g.buf)) }

// A Stream is an append-only run of frames, held once however many read it. A
// reader is a Cursor; what no cursor needs any more is given back.
//
// Positions are counted in bytes from the stream's beginning and only grow.
type Stream struct {
	head, tail *segment // oldest that a cursor may need, and the one appended to
	pool       *Pool
	messages   uint64
	newest     uint64 // position of the last frame appended
}

// A Cursor is one reader's place in a Stream. It may rest in the middle of a
// frame. The zero Cursor stands nowhere; Join places it.
type Cursor struct {
	seg *segment
	pos uint64
}

// NewStream returns an empty stream, which takes full segments from pool and
// gives them back to it. Streams of one owner share a pool.
func NewStream(pool *Pool) *Stream {
	g := &segment{}
	return &Stream{head: g, tail: g, pool: pool}
}

// Messages returns how many messages were appended so far.
func (s *Stream) Messages() uint64 { return s.messages }

// End returns the position after the last frame.
func (s *Stream) End() uint64 { return s.tail.end() }

// Retained returns how many bytes of frames the stream still holds.
func (s *Stream) Retained() uint64 { return s.End() - s.head.base }

// Append adds one message's frame, which it copies. It must end with an empty
// line and hold no other.
func (s *Stream) Append(frame []byte) {
	g := s.tail
	if len(g.buf) > 0 && len(g.buf)+len(frame) > SegmentBytesMax {
		g = &segment{base: g.end(), first: s.messages, buf: s.pool.get(len(frame))}
		s.tail.next = g
		s.tail = g
		s.trim()
	}
	s.newest = g.end()
	g.buf = append(g.buf, frame...)
	s.messages++
	if g.counted != cap(g.buf) {
		s.pool.count(g, cap(g.buf))
	}
}

// Cost returns how many bytes more of memory the stream may hold once a frame of
// size bytes is appended.
func (s *Stream) Cost(size int) int {
	g := s.tail
	switch used := len(g.buf) + size; {
	case used <= min(g.counted, SegmentBytesMax):
		return 0 // there is room in what is counted already
	case len(g.buf) > 0 && used > SegmentBytesMax:
		return max(size, SegmentBytesMax) // a new segment
	case used <= cap(g.buf):
		return cap(g.buf) - g.counted
	default:
		return 2*used - g.counted // append doubles, at most
	}
}

// Join places c at the stream's end: it will read what is appended from now on.
func (s *Stream) Join(c *Cursor) {
	c.seg, c.pos = s.tail, s.End()
	s.tail.cursors++
}

// Leave takes c out of the stream. What only c needed is given back.
func (s *Stream) Leave(c *Cursor) {
	c.seg.cursors--
	*c = Cursor{}
	s.trim()
}

// Pending returns the bytes that c has yet to read, up to the end of a segment;
// none means that c stands at the stream's end. They are valid until the next
// call of Append, Rewind or Release.
func (s *Stream) Pending(c *Cursor) []byte {
	if c.pos == c.seg.end() && c.seg.next != nil {
		c.seg.cursors--
		c.seg = c.seg.next
		c.seg.cursors++
		s.trim()
	}
	return c.seg.buf[c.pos-c.seg.base:]
}

// Advance moves c forward by n bytes that Pending has returned.
func (s *Stream) Advance(c *Cursor, n int) {
	c.pos += uint64(n)
	if c.pos > c.seg.end() {
		panic("sse: a cursor passed the end of its segment")
	}
}

// Lag returns how many bytes c is behind the stream's end.
func (s *Stream) Lag(c *Cursor) uint64 { return s.End() - c.pos }

// frameEnd ends every frame, and stands nowhere else in one: no line of a frame
// is empty.
var frameEnd = []byte("\n\n")

// Read returns how many of the stream's messages lie wholly before c, those from
// before it joined included. It looks through one segment.
func (s *Stream) Read(c *Cursor) uint64 {
	return c.seg.first + uint64(bytes.Count(c.seg.buf[:c.pos-c.seg.base], frameEnd))
}

// Skip moves c to the newest message and returns how many it passes over. If c
// stands in the middle of a frame, the reader needs the rest of it first: that is
// appended to dst. Nothing moves if there is nothing to pass over.
func (s *Stream) Skip(c *Cursor, dst []byte) (rest []byte, passed uint64) {
	read := s.Read(c)
	cut := s.restOfFrame(c)
	if len(cut) > 0 {
		read++
	}
	if read+1 >= s.messages {
		return dst, 0
	}
	rest = append(dst, cut...)
	c.seg.cursors--
	s.tail.cursors++
	c.seg, c.pos = s.tail, s.newest
	s.trim()
	return rest, s.messages - read - 1
}

// restOfFrame returns what is left of the frame that c stands in the middle of;
// nothing if it stands between two.
func (s *Stream) restOfFrame(c *Cursor) []byte {
	read, rest := c.seg.buf[:c.pos-c.seg.base], c.seg.buf[c.pos-c.seg.base:]
	if len(read) == 0 || bytes.HasSuffix(read, frameEnd) {
		return nil
	}
	if read[len(read)-1] == '\n' && rest[0] == '\n' {
		return rest[:1]
	}
	return rest[:bytes.Index(rest, frameEnd)+len(frameEnd)]
}

// Rewind lets the stream use its last segment's memory again. It may only be
// called when every cursor stands at the end.
func (s *Stream) Rewind() {
	if s.head != s.tail {
		panic("sse: a stream was rewound under a cursor that lags")
	}
	g := s.tail
	s.pool.count(g, 0)
	g.base, g.first = g.end(), s.messages
	g.buf = g.buf[:0]
}

// Discard gives everything back. It may only be called when no cursor is left,
// and ends the stream.
func (s *Stream) Discard() {
	s.trim()
	s.Rewind()
	s.Release()
}

// Release drops the memory of a rewound stream, so that a quiet stream holds
// none. A stream that is not empty is left as it is.
func (s *Stream) Release() {
	if g := s.tail; len(g.buf) == 0 && s.head == g {
		s.pool.put(g.buf)
		g.buf = nil
	}
}

// trim gives back the oldest segments that no cursor stands in. Cursors only
// move forward, so nobody can come back for them.
func (s *Stream) trim() {
	for s.head != s.tail && s.head.cursors == 0 {
		s.pool.count(s.head, 0)
		s.pool.put(s.head.buf)
		s.head = s.head.next
	}
}

// invariants panics when the stream contradicts itself. Tests call it.
func (s *Stream) invariants(cursors []*Cursor) {
	count := map[*segment]int{}
	held := 0
	for g := s.head; g != nil; g = g.next {
		if len(g.buf) > 0 {
			held += cap(g.buf)
		}
	}
	if s.pool.retained != held {
		panic(fmt.Sprintf("the pool counts %d bytes, its only stream has %d", s.pool.retained, held))
	}
	for _, c := range cursors {
		if c.pos < c.seg.base || c.pos > c.seg.end() {
			panic(fmt.Sprintf("a cursor at %d stands outside its segment %d..%d", c.pos, c.seg.base, c.seg.end()))
		}
		count[c.seg]++
	}
	for g := s.head; g != nil; g = g.next {
		if g.cursors != count[g] {
			panic(fmt.Sprintf("a segment counts %d cursors, %d stand in it", g.cursors, count[g]))
		}
		delete(count, g)
		if g.next != nil && g.next.base != g.end() {
			panic("a gap between two segments")
		}
		if g.next == nil && g != s.tail {
			panic("the chain does not end at the tail")
		}
	}
	if len(count) > 0 {
		panic("a cursor stands in a segment that was given back")
	}
}
