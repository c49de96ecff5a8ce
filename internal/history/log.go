package history

import "sort"

// Chunks of a log double as it grows, so that what is not in use of the first and
// the last one stays a small part of the whole.
const (
	chunkBytesMin = 128
	chunkBytesMax = 64 << 10
)

// A kept message is told by where its frame ends in its chunk; it begins where the
// one before it ends.
type kept struct {
	seq uint64
	end uint32
	at  uint32 // when it was published
}

// A chunk is a run of kept messages. It holds no pointers, so that a million of
// them mean nothing to the garbage collector.
type chunk struct {
	frames  []byte
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
	chunks []*chunk
	gone   int // messages at the beginning of the first chunk that are dropped
	count  int
	bytes  int // of the frames
	memory int // of the chunks
}

// sharedBytesMax is the largest chunk for which a quarter more is counted. Go allocates
// objects up to 32 KiB in spans that they share. When chunks of many namespaces are
// dropped in another order than they were made, a part of each span stays empty: with
// 100,000 namespaces, up to a quarter of what is in use.
const sharedBytesMax = 32 << 10

// memory is how much of the heap a chunk takes, including the parts that are not in use.
func (c *chunk) memory() int {
	bytes := cap(c.frames) + 16*cap(c.entries) + 64
	if bytes <= sharedBytesMax {
		bytes += bytes / 4
	}
	return bytes
}

// newChunk makes one for so many bytes of frames, of about so many each.
func newChunk(bytes, each int) *chunk {
	return &chunk{frames: make([]byte, 0, bytes), entries: make([]kept, 0, bytes/max(1, each)+1)}
}

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

// oldest returns the first message that is still kept; there must be one.
func (l *log) oldest() kept { return l.chunks[0].entries[l.gone] }

// dropOldest forgets it, and returns its number.
func (l *log) dropOldest() (seq uint64) {
	c := l.chunks[0]
	seq = c.entries[l.gone].seq
	l.bytes -= len(c.frame(l.gone))
	l.gone++
	l.count--
	switch {
	case l.gone == len(c.entries):
		l.memory -= c.memory()
		l.chunks[0] = nil
		l.chunks = l.chunks[1:]
		l.gone = 0
	case len(l.chunks) == 1 && cap(c.frames) > chunkBytesMin && l.bytes < cap(c.frames)/8:
		l.shrink()
	}
	return seq
}

// shrink moves the few messages that are left in the only chunk to a small one.
func (l *log) shrink() {
	old := l.chunks[0]
	c := newChunk(max(chunkBytesMin, 2*l.bytes), l.bytes/l.count)
	for i := l.gone; i < len(old.entries); i++ {
		c.frames = append(c.frames, old.frame(i)...)
		c.entries = append(c.entries, kept{old.entries[i].seq, uint32(len(c.frames)), old.entries[i].at})
	}
	l.chunks[0], l.gone = c, 0
	l.memory += c.memory() - old.memory()
}

// A place is one message's in a log.
type place struct{ chunk, entry int }

// after returns the place of the first kept message behind a number.
func (l *log) after(seq uint64) place {
	return l.search(func(k kept) bool { return k.seq > seq })
}

// since returns the place of the first kept message from a time on.
func (l *log) since(at uint32) place {
	return l.search(func(k kept) bool { return k.at >= at })
}

// search returns the first place for which ok holds; it must then hold for all
// that follow.
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
		first = l.gone
	}
	entries := l.chunks[c].entries[first:]
	return place{c, first + sort.Search(len(entries), func(i int) bool { return ok(entries[i]) })}
}

// at returns the message at a place; ok is false behind the last one.
func (l *log) at(p place) (message kept, frame []byte, ok bool) {
	if p.chunk == len(l.chunks) {
		return kept{}, nil, false
	}
	c := l.chunks[p.chunk]
	return c.entries[p.entry], c.frame(p.entry), true
}

// next returns the place behind p.
func (l *log) next(p place) place {
	if p.entry++; p.entry == len(l.chunks[p.chunk].entries) {
		return place{p.chunk + 1, 0}
	}
	return p
}

// back returns the place before p; ok is false if p is the first.
func (l *log) back(p place) (before place, ok bool) {
	switch {
	case p.chunk == 0 && p.entry <= l.gone, len(l.chunks) == 0:
		return p, false
	case p.entry > 0:
		return place{p.chunk, p.entry - 1}, true
	}
	return place{p.chunk - 1, len(l.chunks[p.chunk-1].entries) - 1}, true
}

// end is the place behind the last message.
func (l *log) end() place { return place{len(l.chunks), 0} }
