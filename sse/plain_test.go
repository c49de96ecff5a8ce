package sse

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestPlain puts every byte at every position of data, for every length up to two rounds of the
// widest step.
func TestPlain(t *testing.T) {
	for size := range 70 {
		data := bytes.Repeat([]byte{' '}, size)
		if !plain(data) {
			t.Fatalf("%d spaces are not plain", size)
		}
		for at := range data {
			for c := range 256 {
				data[at] = byte(c)
				if got, want := plain(data), c > '\r' && c < utf8.RuneSelf; got != want {
					t.Fatalf("%#x at %d of %d: plain is %t, want %t", c, at, size, got, want)
				}
			}
			data[at] = '~'
		}
	}
	if long := bytes.Repeat([]byte{'~'}, plainBytesMax+1); !plain(long[1:]) || plain(long) {
		t.Error("plain must accept plainBytesMax bytes, and not one more")
	}
}

// BenchmarkCheckData measures the check of a publisher's data.
func BenchmarkCheckData(b *testing.B) {
	for _, bm := range []struct{ kind, text string }{{"ascii", "x"}, {"umlauts", "ä"}, {"lines", "0123456\n"}} {
		for _, size := range []int{61, 64, 1024} {
			b.Run(fmt.Sprintf("data=%s/bytes=%d", bm.kind, size), func(b *testing.B) {
				letters := size / len(bm.text)
				data := []byte(strings.Repeat(bm.text, letters) + strings.Repeat(".", size%len(bm.text)))
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if err := CheckData(data, size); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
