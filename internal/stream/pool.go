package stream

// poolBytesMax bounds the free memory that a Pool keeps, in bytes: enough for the next few
// passes of a busy loop, and little compared with one subscriber's backlog.
const poolBytesMax = 4 << 20

// A Pool keeps the buffers of full segments for new segments. Without it, a stream under full load
// would produce a gigabyte of garbage per second. The zero Pool is ready to use.
type Pool struct {
	free     [][]byte
	retained int // see Retained
}

// Retained returns how many bytes of memory all streams of the pool hold together for their
// readers. It counts whole segments, because a nearly empty segment uses as much memory as a full
// one. Free buffers of the pool do not count.
func (p *Pool) Retained() int { return p.retained }

// count records that a segment holds the given number of bytes from now on.
func (p *Pool) count(g *segment, bytes int) {
	p.retained += bytes - g.counted
	g.counted = bytes
}

// get returns an empty buffer for a segment that begins with a frame of size bytes. A
// stream calls it only after it has filled a segment, so the buffer has the full size.
func (p *Pool) get(size int) []byte {
	if n := len(p.free); n > 0 && size <= SegmentBytesMax {
		buf := p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
		return buf
	}
	return make([]byte, 0, max(size, SegmentBytesMax))
}

// put takes a buffer back. It leaves small buffers, and buffers of single frames that are larger
// than a segment, to the garbage collector.
func (p *Pool) put(buf []byte) {
	if cap(buf) == SegmentBytesMax && len(p.free) < poolBytesMax/SegmentBytesMax {
		p.free = append(p.free, buf[:0])
	}
}
