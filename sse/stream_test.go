package sse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// A modelReader is a reader of the naive model: it has a copy of all that it
// must still read.
type modelReader struct {
	cursor *Cursor
	want   []byte
}

// TestStreamAgainstModel runs random operations on a Stream and on a model that
// keeps a private copy of everything for everyone, and compares after each.
func TestStreamAgainstModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			var pool Pool
			s := NewStream(&pool)
			var readers []*modelReader
			next := byte(0)
			for range 600 {
				switch op := random.IntN(10); {
				case op < 3: // append
					frame := make([]byte, frameSize(random))
					for i := range frame {
						next++
						frame[i] = next
					}
					s.Append(frame)
					for _, r := range readers {
						r.want = append(r.want, frame...)
					}
				case op == 3 && len(readers) < 12:
					r := &modelReader{cursor: &Cursor{}}
					s.Join(r.cursor)
					readers = append(readers, r)
				case op == 4 && len(readers) > 0:
					i := random.IntN(len(readers))
					s.Leave(readers[i].cursor)
					readers = append(readers[:i], readers[i+1:]...)
				case op == 5: // all catch up, then the stream begins anew
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
				case len(readers) > 0:
					readSome(t, s, readers[random.IntN(len(readers))], random.IntN(100_000))
				}
				cursors := make([]*Cursor, len(readers))
				for i, r := range readers {
					cursors[i] = r.cursor
					if lag := s.Lag(r.cursor); lag != uint64(len(r.want)) {
						t.Fatalf("reader %d lags %d bytes, the model says %d", i, lag, len(r.want))
					}
				}
				s.invariants(cursors)
			}
		})
	}
}

// frameSize is mostly small, now and then about a segment, and at times more.
func frameSize(random *rand.Rand) int {
	switch random.IntN(20) {
	case 0:
		return random.IntN(3 * SegmentBytesMax)
	case 1:
		return SegmentBytesMax - random.IntN(3)
	}
	return 1 + random.IntN(4000)
}

// readSome reads what one write would take, and tells whether there was any.
func readSome(t *testing.T, s *Stream, r *modelReader, max int) bool {
	t.Helper()
	pending := s.Pending(r.cursor)
	if len(pending) == 0 {
		if len(r.want) > 0 {
			t.Fatalf("the stream has nothing, the model has %d bytes", len(r.want))
		}
		return false
	}
	n := min(max, len(pending))
	if !bytes.HasPrefix(r.want, pending[:n]) {
		t.Fatalf("the stream and the model differ")
	}
	s.Advance(r.cursor, n)
	r.want = r.want[n:]
	return true
}

func TestQuietStreamHoldsNothing(t *testing.T) {
	var pool Pool
	s := NewStream(&pool)
	var c Cursor
	s.Join(&c)
	s.Append([]byte("data:x\n\n"))
	s.Release()
	if s.tail.buf == nil {
		t.Fatal("Release dropped what a reader has yet to get")
	}
	s.Advance(&c, len(s.Pending(&c)))
	s.Rewind()
	s.Release()
	if s.tail.buf != nil || s.Retained() != 0 {
		t.Errorf("a quiet stream holds %d bytes of memory, %d of frames", cap(s.tail.buf), s.Retained())
	}
	if s.End() != 8 || s.Messages() != 1 {
		t.Errorf("it forgot where it was: position %d, %d messages", s.End(), s.Messages())
	}
}

func TestSmallStreamStaysSmall(t *testing.T) {
	var pool Pool
	s := NewStream(&pool)
	var laggard Cursor
	s.Join(&laggard)
	for range 10 {
		s.Append(make([]byte, 50))
	}
	if c := cap(s.tail.buf); c > 2048 {
		t.Errorf("500 bytes of backlog hold %d bytes", c)
	}
}

// TestSlowestDecidesWhatIsRetained: segments go as soon as the last cursor has
// left them, and not before.
func TestSlowestDecidesWhatIsRetained(t *testing.T) {
	var pool Pool
	s := NewStream(&pool)
	var fast, slow Cursor
	s.Join(&fast)
	s.Join(&slow)
	for range 10 {
		s.Append(make([]byte, SegmentBytesMax))
	}
	for s.Lag(&fast) > 0 {
		s.Advance(&fast, len(s.Pending(&fast)))
	}
	if got := s.Retained(); got != 10*SegmentBytesMax {
		t.Errorf("%d bytes are retained for the slow one, want all", got)
	}
	s.Leave(&slow)
	if got := s.Retained(); got > SegmentBytesMax {
		t.Errorf("%d bytes are retained for nobody", got)
	}
	if len(pool.free) == 0 {
		t.Error("no segment went back to the pool")
	}
	s.invariants([]*Cursor{&fast})
}

func TestPoolIsBounded(t *testing.T) {
	var pool Pool
	for range 100 {
		pool.put(make([]byte, 0, SegmentBytesMax))
	}
	pool.put(make([]byte, 0, 10))
	if held := len(pool.free) * SegmentBytesMax; held > poolBytesMax {
		t.Errorf("the pool holds %d bytes", held)
	}
	if buf := pool.get(SegmentBytesMax + 1); cap(buf) <= SegmentBytesMax {
		t.Errorf("a frame larger than a segment got %d bytes", cap(buf))
	}
}

func TestMisuseIsNoticed(t *testing.T) {
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
					t.Error("nobody noticed")
				}
			}()
			var pool Pool
			s := NewStream(&pool)
			var c Cursor
			s.Join(&c)
			s.Append(make([]byte, 10))
			misuse(s, &c)
		})
	}
}

func BenchmarkStreamAppend64(b *testing.B) {
	var pool Pool
	s := NewStream(&pool)
	var c Cursor
	s.Join(&c)
	frame := make([]byte, 90)
	b.ReportAllocs()
	for b.Loop() {
		s.Append(frame)
		if s.Lag(&c) > 64<<10 {
			s.Advance(&c, len(s.Pending(&c)))
			s.Rewind()
		}
	}
}
