package history

import "sort"

// The size of a log's chunks, in bytes of frames. New chunks grow with the log, so that
// the unused parts of the first and the last chunk stay a small part of the whole.
const (
	chunkBytesMin = 128
	chunkBytesMax = 64 << 10
)

// kept locates a message by the end offset of its frame in its chunk. The frame begins
// where the one before it ends.
type kept struct {
	seq uint64 // number of the message
	end uint32 // offset after its frame, in bytes
	at  uint32 // time of publishing
}

// A chunk is a run of kept messages. Neither of its arrays contains pointers, so the
// garbage collector does not look into them, even with a million messages.
type chunk struct {
	frames  []byte // one after the other
	entries []kept
}

func (c *chunk) frame(i int) []byte {
	begin := uint32(0)
	if i > 0 {
		begin = c.entries[i-1].end
	}
	return c.frames[begin:c.entries[i].end]
}

// A log holds the kept messages of one namespace, the oldest first.
type log struct {
	chunks  []*chunk
	dropped int // how many messages at the beginning of the first chunk are dropped
	count   int // how many messages are kept
	bytes   int // size of their frames
	memory  int // heap memory of the chunks, in bytes
}

// sharedBytesMax is the largest chunk for which memory counts a quarter more. Go allocates
// objects of up to 32 KiB in shared spans. When chunks of many namespaces are dropped in
// another order than they were allocated, a part of each span stays empty: with 100,000
// namespaces, up to a quarter of the memory in use.
const sharedBytesMax = 32 << 10

// memory returns how many bytes of the heap a chunk uses, including unused parts.
func (c *chunk) memory() int {
	bytes := cap(c.frames) + 16*cap(c.entries) + 64
	if bytes <= sharedBytesMax {
		bytes += bytes / 4
	}
	return bytes
}

// newChunk returns an empty chunk with room for bytes of frames of about frameBytes each.
func newChunk(bytes, frameBytes int) *chunk {
	return &chunk{frames: make([]byte, 0, bytes), entries: make([]kept, 0, bytes/max(1, frameBytes)+1)}
}

// add appends a copy of a frame, with its number and time.
func (l *log) add(frame []byte, seq uint64, at uint32) {
	c := l.tail()
	if c == nil || len(c.frames) > 0 && len(c.frames)+len(frame) > cap(c.frames) {
		size := chunkBytesMin
		for size < chunkBytesMax && size < l.bytes/8 {
			size *= 2
		}
		c = newChunk(max(size, len(frame)), len(frame))
		l.chunks = append(l.chunks, c)
		l.memory += c.memory()
	}
	l.memory -= c.memory() // its entries may grow
	c.frames = append(c.frames, frame...)
	c.entries = append(c.entries, kept{seq, uint32(len(c.frames)), at})
	l.memory += c.memory()
	l.count++
	l.bytes += len(frame)
}

func (l *log) tail() *chunk {
	if len(l.chunks) == 0 {
		return nil
	}
	return l.chunks[len(l.chunks)-1]
}

// oldest returns the first kept message. The log must not be empty.
func (l *log) oldest() kept { return l.chunks[0].entries[l.dropped] }

// dropOldest drops the oldest message and returns its number. The log must not be empty.
func (l *log) dropOldest() (seq uint64) {
	c := l.chunks[0]
	seq = c.entries[l.dropped].seq
	l.bytes -= len(c.frame(l.dropped))
	l.dropped++
	l.count--
	switch {
	case l.dropped == len(c.entries):
		l.memory -= c.memory()
		l.chunks[0] = nil
		l.chunks = l.chunks[1:]
		l.dropped = 0
	case len(l.chunks) == 1 && cap(c.frames) > chunkBytesMin && l.bytes < cap(c.frames)/8:
		l.shrink()
	}
	return seq
}

// shrink moves the few messages left in the only chunk to a smaller one.
func (l *log) shrink() {
	old := l.chunks[0]
	c := newChunk(max(chunkBytesMin, 2*l.bytes), l.bytes/l.count)
	for i := l.dropped; i < len(old.entries); i++ {
		c.frames = append(c.frames, old.frame(i)...)
		c.entries = append(c.entries, kept{old.entries[i].seq, uint32(len(c.frames)), old.entries[i].at})
	}
	l.chunks[0], l.dropped = c, 0
	l.memory += c.memory() - old.memory()
}

// A place is the position of a message in a log.
type place struct{ chunk, entry int }

// after returns the place of the first kept message with a number above seq.
func (l *log) after(seq uint64) place {
	return l.search(func(k kept) bool { return k.seq > seq })
}

// since returns the place of the first kept message that is not older than the time at.
func (l *log) since(at uint32) place {
	return l.search(func(k kept) bool { return k.at >= at })
}

// search returns the first place for which ok holds, or the end. If ok holds for a
// message, it must hold for all that follow.
func (l *log) search(ok func(kept) bool) place {
	c := sort.Search(len(l.chunks), func(i int) bool {
		entries := l.chunks[i].entries
		return ok(entries[len(entries)-1])
	})
	if c == len(l.chunks) {
		return place{c, 0}
	}
	first := 0
	if c == 0 {
		first = l.dropped
	}
	entries := l.chunks[c].entries[first:]
	return place{c, first + sort.Search(len(entries), func(i int) bool { return ok(entries[i]) })}
}

// at returns the message at a place, and its frame. ok is false at the end.
func (l *log) at(p place) (message kept, frame []byte, ok bool) {
	if p.chunk == len(l.chunks) {
		return kept{}, nil, false
	}
	c := l.chunks[p.chunk]
	return c.entries[p.entry], c.frame(p.entry), true
}

// next returns the place after p, which must not be the end.
func (l *log) next(p place) place {
	if p.entry++; p.entry == len(l.chunks[p.chunk].entries) {
		return place{p.chunk + 1, 0}
	}
	return p
}

// prev returns the place before p. ok is false if p is the first.
func (l *log) prev(p place) (before place, ok bool) {
	switch {
	case p.chunk == 0 && p.entry <= l.dropped, len(l.chunks) == 0:
		return p, false
	case p.entry > 0:
		return place{p.chunk, p.entry - 1}, true
	}
	return place{p.chunk - 1, len(l.chunks[p.chunk-1].entries) - 1}, true
}

// end returns the place after the last message.
func (l *log) end() place { return place{len(l.chunks), 0} }
