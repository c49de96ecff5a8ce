package stream

import (
	"bytes"
	"fmt"
)

// SegmentBytesMax is the size of a full segment, in bytes. A larger frame gets its own segment.
// Larger segments would give subscribers that catch up fewer and longer writes. Smaller ones would
// free the memory behind a slow subscriber sooner.
const SegmentBytesMax = 256 << 10

// A segment is a run of whole frames. Its buffer starts small and doubles, so a stream with little
// traffic uses little memory.
type segment struct {
	base    uint64 // position in the stream of buf[0]
	first   uint64 // how many messages of the stream precede the segment
	buf     []byte
	next    *segment
	cursors int // how many cursors are in it
	counted int // bytes of memory that the pool counts for it: cap(buf), or 0 if buf is empty
}

// end returns the position after the last frame of the segment.
func (g *segment) end() uint64 { return g.base + uint64(len(g.buf)) }

// A Stream is an append-only run of frames. It is held once in memory, regardless of the number of
// readers. Each reader is a Cursor. A segment returns to the pool once no cursor is in it or in an
// earlier segment.
//
//	head ──────► segment ──────► tail
//	 ▲              ▲             ▲
//	slowest      another      Append writes here;
//	cursor       cursor       Join places cursors at its end
//
// Positions count bytes from the stream's beginning and never decrease.
type Stream struct {
	head, tail *segment // the oldest segment that a cursor may need, and the newest
	pool       *Pool
	messages   uint64
	newest     uint64 // position of the last frame appended
}

// A Cursor is one reader's position in a Stream. It may be in the middle of a frame. The zero
// Cursor belongs to no stream: call Join before any other method.
type Cursor struct {
	seg *segment
	pos uint64
}

// New returns an empty stream. It takes the memory of full segments from pool, and returns it
// there. The streams of one owner share a pool.
func New(pool *Pool) *Stream {
	g := &segment{}
	return &Stream{head: g, tail: g, pool: pool}
}

// Messages returns how many messages were appended since the stream began.
func (s *Stream) Messages() uint64 { return s.messages }

// end returns the position after the last frame.
func (s *Stream) end() uint64 { return s.tail.end() }

// Append adds a copy of one message's frame. The frame must end with an empty line and
// must not contain another one.
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

// Cost returns the maximum by which Pool.Retained grows if a frame of size bytes is appended now.
func (s *Stream) Cost(size int) int {
	g := s.tail
	switch used := len(g.buf) + size; {
	case used <= min(g.counted, SegmentBytesMax):
		return 0 // there is room in the memory that is already counted
	case len(g.buf) > 0 && used > SegmentBytesMax:
		return max(size, SegmentBytesMax) // a new segment
	case used <= cap(g.buf):
		return cap(g.buf) - g.counted
	default:
		return 2*used - g.counted // append doubles, at most
	}
}

// Join places c at the stream's end, so that c reads the frames that are appended from now on.
func (s *Stream) Join(c *Cursor) {
	c.seg, c.pos = s.tail, s.end()
	s.tail.cursors++
}

// Leave removes c from the stream, and frees the segments that only c needed. c is the zero Cursor
// afterwards.
func (s *Stream) Leave(c *Cursor) {
	c.seg.cursors--
	*c = Cursor{}
	s.trim()
}

// Pending returns the bytes that c must read next, up to the end of a segment. It returns no bytes
// only if c is at the stream's end. The bytes are valid until the next call of Append, Rewind or
// Release, or of Pending, Skip or Leave with c.
func (s *Stream) Pending(c *Cursor) []byte {
	if c.pos == c.seg.end() && c.seg.next != nil {
		c.seg.cursors--
		c.seg = c.seg.next
		c.seg.cursors++
		s.trim()
	}
	return c.seg.buf[c.pos-c.seg.base:]
}

// Advance moves c forward by n of the bytes that Pending returned. It panics if the new position is
// past the end of the segment.
func (s *Stream) Advance(c *Cursor, n int) {
	c.pos += uint64(n)
	if c.pos > c.seg.end() {
		panic("stream: a cursor passed the end of its segment")
	}
}

// Lag returns how far c is behind the stream's end, in bytes.
func (s *Stream) Lag(c *Cursor) uint64 { return s.end() - c.pos }

// frameEnd ends every frame and occurs nowhere else in one, because no other line of a
// frame is empty.
var frameEnd = []byte("\n\n")

// Read returns how many of the stream's messages lie completely before c, including messages from
// before c joined. It scans one segment, up to c.
func (s *Stream) Read(c *Cursor) uint64 {
	return c.seg.first + uint64(bytes.Count(c.seg.buf[:c.pos-c.seg.base], frameEnd))
}

// Skip moves c to the beginning of the newest message, and returns how many messages c skips. If c
// is in the middle of a frame, the reader first needs the rest of that frame, which Skip appends to
// dst. If there is no message to skip, Skip does nothing and returns dst and 0.
func (s *Stream) Skip(c *Cursor, dst []byte) (rest []byte, skipped uint64) {
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

// restOfFrame returns the rest of the frame that contains c, or nil if c is between two frames.
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

// Rewind reuses the memory of the last segment for the next frames. The caller must make sure that
// every cursor is at the stream's end. Rewind panics if it detects a cursor in an older segment.
func (s *Stream) Rewind() {
	if s.head != s.tail {
		panic("stream: Rewind was called while a cursor lags")
	}
	g := s.tail
	s.pool.count(g, 0)
	g.base, g.first = g.end(), s.messages
	g.buf = g.buf[:0]
}

// Discard frees all memory and ends the stream. Call it only if no cursor is left.
func (s *Stream) Discard() {
	s.trim()
	s.Rewind()
	s.Release()
}

// Release frees the memory of a rewound stream, so that a quiet stream holds none. It does nothing
// if the stream holds frames.
func (s *Stream) Release() {
	if g := s.tail; len(g.buf) == 0 && s.head == g {
		s.pool.put(g.buf)
		g.buf = nil
	}
}

// trim frees the oldest segments, up to the first one with a cursor. Cursors only move forward, so
// no cursor can need these segments again.
func (s *Stream) trim() {
	for s.head != s.tail && s.head.cursors == 0 {
		s.pool.count(s.head, 0)
		s.pool.put(s.head.buf)
		s.head = s.head.next
	}
}

// invariants panics if the fields of a stream contradict each other. cursors must be all cursors
// that have joined, and no other stream may use the pool. Only tests call it.
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
			panic(fmt.Sprintf("a cursor at %d is outside its segment %d..%d", c.pos, c.seg.base, c.seg.end()))
		}
		count[c.seg]++
	}
	for g := s.head; g != nil; g = g.next {
		if g.cursors != count[g] {
			panic(fmt.Sprintf("a segment counts %d cursors, but has %d", g.cursors, count[g]))
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
		panic("a cursor is in a segment that was freed")
	}
}
