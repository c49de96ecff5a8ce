package stream

// poolBytesMax bounds the memory that a Pool keeps for later: enough for a busy
// loop's next few passes, small beside one subscriber's backlog.
const poolBytesMax = 4 << 20

// A Pool keeps the buffers of full segments for the next ones. A stream under
// full load would otherwise leave a gigabyte a second to the garbage collector.
// The zero Pool is ready.
type Pool struct {
	free     [][]byte
	retained int
}

// Retained returns how many bytes of memory the streams of this pool hold together
// for those who have yet to read: whole segments, since one that is nearly empty
// costs as much as a full one.
func (p *Pool) Retained() int { return p.retained }

// count notes that a segment holds so many bytes from now on.
func (p *Pool) count(g *segment, bytes int) {
	p.retained += bytes - g.counted
	g.counted = bytes
}

// get returns an empty buffer for a segment that begins with a frame of size
// bytes. Only a stream that has filled one segment asks, so it gets a full one.
func (p *Pool) get(size int) []byte {
	if n := len(p.free); n > 0 && size <= SegmentBytesMax {
		buf := p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
		return buf
	}
	return make([]byte, 0, max(size, SegmentBytesMax))
}

// put takes a buffer back. Small ones, and the outsize ones of a single large
// frame, are left to the garbage collector.
func (p *Pool) put(buf []byte) {
	if cap(buf) == SegmentBytesMax && len(p.free) < poolBytesMax/SegmentBytesMax {
		p.free = append(p.free, buf[:0])
	}
}
