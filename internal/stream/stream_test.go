package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ssed/ssed/sse"
)

// A modelReader is a reader of the naive model. It has a copy of all frames that it must still
// read, and may have read a part of the first one.
type modelReader struct {
	cursor *Cursor
	want   [][]byte
	cut    bool   // a part of want[0] was read
	read   uint64 // whole frames, including those from before it joined
}

func (r *modelReader) lag() (bytes uint64) {
	for _, frame := range r.want {
		bytes += uint64(len(frame))
	}
	return bytes
}

// take records that n bytes were read.
func (r *modelReader) take(n int) {
	for n > 0 {
		if n < len(r.want[0]) {
			r.want[0], r.cut = r.want[0][n:], true
			return
		}
		n -= len(r.want[0])
		r.want, r.cut = r.want[1:], false
		r.read++
	}
}

// skip drops all frames except the newest frame and a frame that was partly read.
func (r *modelReader) skip() (rest []byte, passed uint64) {
	first := 0
	if r.cut {
		first = 1
	}
	if len(r.want) < first+2 {
		return nil, 0
	}
	if r.cut {
		rest = r.want[0]
	}
	passed = uint64(len(r.want) - first - 1)
	r.read += uint64(len(r.want) - 1)
	r.want, r.cut = r.want[len(r.want)-1:], false
	return rest, passed
}

// TestStreamAgainstModel runs random operations on a Stream and on a model that keeps a private
// copy of all frames for each reader, and compares both after each operation.
func TestStreamAgainstModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			var pool Pool
			s := New(&pool)
			var readers []*modelReader
			for range 600 {
				switch op := random.IntN(11); {
				case op < 3: // append
					frame := randomFrame(random)
					most := pool.Retained() + s.Cost(len(frame))
					s.Append(frame)
					if pool.Retained() > most {
						t.Fatalf("%d bytes are held after a frame of %d; Cost allows %d", pool.Retained(), len(frame), most)
					}
					for _, r := range readers {
						r.want = append(r.want, frame)
					}
				case op == 3 && len(readers) < 12:
					r := &modelReader{cursor: &Cursor{}, read: s.Messages()}
					s.Join(r.cursor)
					readers = append(readers, r)
				case op == 4 && len(readers) > 0:
					i := random.IntN(len(readers))
					s.Leave(readers[i].cursor)
					readers = append(readers[:i], readers[i+1:]...)
				case op == 5: // all readers catch up, then the stream is rewound
					for _, r := range readers {
						for readSome(t, s, r, 1<<30) {
						}
					}
					if len(readers) > 0 {
						s.Rewind()
						if random.IntN(2) == 0 {
							s.Release()
						}
					}
				case op == 6 && len(readers) > 0:
					r := readers[random.IntN(len(readers))]
					rest, passed := s.Skip(r.cursor, nil)
					if wantRest, want := r.skip(); passed != want || !bytes.Equal(rest, wantRest) {
						t.Fatalf("Skip skipped %d messages and returned %q, want %d and %q", passed, rest, want, wantRest)
					}
				case len(readers) > 0:
					readSome(t, s, readers[random.IntN(len(readers))], random.IntN(100_000))
				}
				compare(t, s, readers)
			}
		})
	}
}

func compare(t *testing.T, s *Stream, readers []*modelReader) {
	t.Helper()
	cursors := make([]*Cursor, len(readers))
	for i, r := range readers {
		cursors[i] = r.cursor
		if lag := s.Lag(r.cursor); lag != r.lag() {
			t.Fatalf("reader %d lags %d bytes, want %d", i, lag, r.lag())
		}
		if read := s.Read(r.cursor); read != r.read {
			t.Fatalf("reader %d has read %d messages, want %d", i, read, r.read)
		}
	}
	s.invariants(cursors)
}

// randomFrame returns frames that are mostly small, sometimes about as large as a segment, and
// sometimes larger.
func randomFrame(random *rand.Rand) []byte {
	size := random.IntN(4000)
	switch random.IntN(20) {
	case 0:
		size = random.IntN(3 * SegmentBytesMax)
	case 1:
		size = SegmentBytesMax - random.IntN(3)
	case 2:
		size = 0
	}
	data := make([]byte, size)
	for i := range data {
		if data[i] = byte('a' + random.IntN(26)); random.IntN(50) == 0 {
			data[i] = '\n'
		}
	}
	return sse.AppendFrame(nil, nil, data)
}

// readSome reads at most max bytes in one step, and reports whether there were any.
func readSome(t *testing.T, s *Stream, r *modelReader, max int) bool {
	t.Helper()
	pending := s.Pending(r.cursor)
	if len(pending) == 0 {
		if len(r.want) > 0 {
			t.Fatalf("the stream has no bytes to read, the model has %d", r.lag())
		}
		return false
	}
	n := min(max, len(pending))
	if !bytes.HasPrefix(bytes.Join(r.want, nil), pending[:n]) {
		t.Fatalf("the stream and the model differ")
	}
	s.Advance(r.cursor, n)
	r.take(n)
	return true
}

// TestSkipAtEveryByte checks for each position of the cursor that a reader gets the rest of the
// current frame, and then the newest frame.
func TestSkipAtEveryByte(t *testing.T) {
	frames := []string{"event:e\ndata:one\ndata:\n\n", "data:\n\n", "data:three\n\n", "data:newest\n\n"}
	all := strings.Join(frames, "")
	for at := range len(all) {
		var pool Pool
		s := New(&pool)
		var c Cursor
		s.Join(&c)
		for _, f := range frames {
			s.Append([]byte(f))
		}
		s.Advance(&c, at)
		rest, passed := s.Skip(&c, nil)
		got := all[:at] + string(rest) + string(s.Pending(&c))
		kept, missed := 0, 0
		for _, f := range frames {
			if strings.HasPrefix(got[kept:], f) {
				kept += len(f)
			} else {
				missed++
			}
		}
		if kept != len(got) || missed != int(passed) || !strings.HasSuffix(got, frames[3]) {
			t.Errorf("at %d: got %q, and %d messages were skipped", at, got, passed)
		}
	}
}

// retained returns how many bytes of frames a stream holds.
func retained(s *Stream) uint64 { return s.end() - s.head.base }

// TestReleaseFreesARewoundStream verifies that Release frees the memory of a rewound stream, and
// keeps the positions and counters.
func TestReleaseFreesARewoundStream(t *testing.T) {
	var pool Pool
	s := New(&pool)
	var c Cursor
	s.Join(&c)
	s.Append([]byte("data:x\n\n"))
	s.Release()
	if s.tail.buf == nil {
		t.Fatal("Release dropped frames that a reader has not read")
	}
	s.Advance(&c, len(s.Pending(&c)))
	s.Rewind()
	s.Release()
	if s.tail.buf != nil || retained(s) != 0 {
		t.Errorf("a quiet stream holds %d bytes of memory, %d of frames", cap(s.tail.buf), retained(s))
	}
	if s.end() != 8 || s.Messages() != 1 {
		t.Errorf("Release changed the position to %d, and the messages to %d", s.end(), s.Messages())
	}
}

// TestSmallStreamStaysSmall verifies that a small backlog does not get a full segment.
func TestSmallStreamStaysSmall(t *testing.T) {
	var pool Pool
	s := New(&pool)
	var laggard Cursor
	s.Join(&laggard)
	for range 10 {
		s.Append(make([]byte, 50))
	}
	if c := cap(s.tail.buf); c > 2048 {
		t.Errorf("500 bytes of backlog hold %d bytes", c)
	}
}

// TestSegmentIsFreedAfterTheLastCursor checks that a segment is freed as soon as the last cursor
// has left it, and not before.
func TestSegmentIsFreedAfterTheLastCursor(t *testing.T) {
	var pool Pool
	s := New(&pool)
	var fast, slow Cursor
	s.Join(&fast)
	s.Join(&slow)
	for range 10 {
		s.Append(make([]byte, SegmentBytesMax))
	}
	for s.Lag(&fast) > 0 {
		s.Advance(&fast, len(s.Pending(&fast)))
	}
	if got := retained(s); got != 10*SegmentBytesMax {
		t.Errorf("%d bytes are retained for the slow cursor, want all", got)
	}
	s.Leave(&slow)
	if got := retained(s); got > SegmentBytesMax {
		t.Errorf("%d bytes are retained without a cursor that needs them", got)
	}
	if len(pool.free) == 0 {
		t.Error("no segment was returned to the pool")
	}
	s.invariants([]*Cursor{&fast})
}

// TestPoolIsBounded verifies that a pool keeps a limited number of buffers, all of the segment
// size.
func TestPoolIsBounded(t *testing.T) {
	var pool Pool
	for range 100 {
		pool.put(make([]byte, 0, SegmentBytesMax))
	}
	pool.put(make([]byte, 0, 10))
	if held := len(pool.free) * SegmentBytesMax; held > poolBytesMax {
		t.Errorf("the pool holds %d bytes, more than poolBytesMax", held)
	}
	if buf := pool.get(SegmentBytesMax + 1); cap(buf) <= SegmentBytesMax {
		t.Errorf("a frame larger than a segment got %d bytes", cap(buf))
	}
}

// TestMisusePanics verifies that calls that violate a method's contract panic.
func TestMisusePanics(t *testing.T) {
	for name, misuse := range map[string]func(s *Stream, c *Cursor){
		"advance past the end": func(s *Stream, c *Cursor) { s.Advance(c, 11) },
		"rewind under a laggard": func(s *Stream, c *Cursor) {
			s.Append(make([]byte, SegmentBytesMax))
			s.Rewind()
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the call did not panic")
				}
			}()
			var pool Pool
			s := New(&pool)
			var c Cursor
			s.Join(&c)
			s.Append(make([]byte, 10))
			misuse(s, &c)
		})
	}
}

// BenchmarkStream appends frames. The cursors read them in parts of 64 KiB, as a pass of the loop
// does. If lag is set, the last cursor lags further. One op is one frame.
func BenchmarkStream(b *testing.B) {
	for _, bm := range []struct {
		cursors int
		lag     uint64 // how far the last cursor may lag, in bytes
		name    string
	}{{1, 64 << 10, "64KiB"}, {1000, 64 << 10, "64KiB"}, {2, 16 << 20, "16MiB"}} {
		for _, size := range []int{90, 1024} {
			b.Run(fmt.Sprintf("cursors=%d/lag=%s/bytes=%d", bm.cursors, bm.name, size), func(b *testing.B) {
				benchmarkStream(b, bm.cursors, bm.lag, make([]byte, size))
			})
		}
	}
}

func benchmarkStream(b *testing.B, cursors int, lag uint64, frame []byte) {
	var pool Pool
	s := New(&pool)
	all := make([]Cursor, cursors)
	for i := range all {
		s.Join(&all[i])
	}
	last := &all[cursors-1]
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		s.Append(frame)
		if s.Lag(&all[0]) < 64<<10 {
			continue
		}
		for i := range all {
			if c := &all[i]; c != last || s.Lag(last) >= lag {
				for p := s.Pending(c); len(p) > 0; p = s.Pending(c) {
					s.Advance(c, len(p))
				}
			}
		}
		if s.Lag(last) == 0 {
			s.Rewind()
		}
	}
}
