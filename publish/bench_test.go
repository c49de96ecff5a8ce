package publish

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ssed/ssed/sse"
)

// nowhere is the cheapest possible Sink, so that benchmarks measure only the parser and the
// session.
type nowhere struct{ sequence uint64 }

func (n *nowhere) Publish(_, _, _ []byte) (uint64, error) {
	n.sequence++
	return n.sequence, nil
}

// readBytes is the size of one read of a loop.
const readBytes = 64 << 10

// BenchmarkFeed feeds commands with 64 bytes of data in reads of the size that a loop uses, so
// lines are cut at the ends of the reads. One op is one command.
func BenchmarkFeed(b *testing.B) {
	data := strings.Repeat("x", 64)
	one := "PUB /pets/dogs new-dog " + data + "\n"
	turns := ""
	for i := range 100 {
		turns += fmt.Sprintf("PUB /pets/%02d new-dog %s\n", i, data)
	}
	for _, bm := range []struct{ name, lines, first string }{
		{"command=PUB/namespaces=1/replies=errors", one, "QUIET on\n"},
		{"command=PUB/namespaces=1/replies=all", one, ""},
		{"command=PUB/namespaces=100/replies=errors", turns, "QUIET on\n"},
		{"command=PUBN/namespaces=1/replies=errors", "PUBN /pets/dogs new-dog 64\n" + data + "\n", "QUIET on\n"},
	} {
		b.Run(bm.name, func(b *testing.B) { benchmarkFeed(b, []byte(bm.lines), bm.first) })
	}
}

func benchmarkFeed(b *testing.B, some []byte, first string) {
	lines := bytes.Repeat(some, readBytes)                                           // a whole number of reads and of lines
	reserved := sse.ReservedEvents{{Name: sse.DefaultGapEvent, Flag: "--gap-event"}} // as in a daemon
	session, sink := NewSession(&Config{Reserved: reserved}), &nowhere{}
	out, _ := session.Feed([]byte(first), sink, make([]byte, 0, readBytes))
	each := bytes.Count(some, []byte("PUB"))
	b.SetBytes(int64(len(some) / each))
	b.ReportAllocs()
	at := 0
	for want := uint64(1); b.Loop(); want++ {
		if sink.sequence < want {
			out, _ = session.Feed(lines[at:at+readBytes], sink, out[:0])
			at = (at + readBytes) % len(lines)
		}
	}
}

// BenchmarkFeedDribble feeds a line of one megabyte byte by byte. One op is one byte.
func BenchmarkFeedDribble(b *testing.B) {
	line := append([]byte("PUB /pets/dogs - "), bytes.Repeat([]byte("x"), 1<<20)...)
	line = append(line, '\n')
	session, sink := NewSession(&Config{}), &nowhere{}
	var out []byte
	b.SetBytes(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % len(line)
		out, _ = session.Feed(line[at:at+1], sink, out[:0])
	}
}
