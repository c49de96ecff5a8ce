package publish

import (
	"bytes"
	"testing"
)

// nowhere is the cheapest Sink there is: what remains is the parser and session.
type nowhere struct{ sequence uint64 }

func (n *nowhere) Publish(_, _, _ []byte) (uint64, error) {
	n.sequence++
	return n.sequence, nil
}

// readBytes is what a loop reads at once.
const readBytes = 64 << 10

// BenchmarkFeedPub64 feeds PUBs with 64 bytes of data, in reads as a loop makes
// them, so lines are cut at the ends of the reads. One op is one line.
func BenchmarkFeedPub64(b *testing.B) {
	line := append([]byte("PUB /pets/dogs new-dog "), bytes.Repeat([]byte("x"), 64)...)
	b.Run("quiet", func(b *testing.B) { feedLines(b, append(line, '\n'), "QUIET on\n") })
	b.Run("oks", func(b *testing.B) { feedLines(b, append(line, '\n'), "") })
}

func BenchmarkFeedPubN64(b *testing.B) {
	command := append([]byte("PUBN /pets/dogs new-dog 64\n"), bytes.Repeat([]byte("x"), 64)...)
	feedLines(b, append(command, '\n'), "QUIET on\n")
}

func feedLines(b *testing.B, line []byte, first string) {
	lines := bytes.Repeat(line, readBytes) // a whole number of reads and of lines
	session, sink := NewSession(&Config{}), &nowhere{}
	out, _ := session.Feed([]byte(first), sink, make([]byte, 0, readBytes))
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	b.ResetTimer()
	for at, want := 0, uint64(b.N); sink.sequence < want; at = (at + readBytes) % len(lines) {
		out, _ = session.Feed(lines[at:at+readBytes], sink, out[:0])
	}
}

// BenchmarkFeedDribble feeds one line of a megabyte byte by byte. One op is a byte.
func BenchmarkFeedDribble(b *testing.B) {
	line := append([]byte("PUB /pets/dogs - "), bytes.Repeat([]byte("x"), 1<<20)...)
	line = append(line, '\n')
	session, sink := NewSession(&Config{}), &nowhere{}
	var out []byte
	for i := 0; b.Loop(); i++ {
		at := i % len(line)
		out, _ = session.Feed(line[at:at+1], sink, out[:0])
	}
}
