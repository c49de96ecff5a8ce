package load

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPayloadRoundTrip checks that payloads can be read back.
func TestPayloadRoundTrip(t *testing.T) {
	for _, size := range []int{PayloadMin, 16, 64, 1000} {
		for _, seq := range []uint64{0, 1, 4095, 4096, 1<<seqBits - 1} {
			for _, at := range []int64{0, 1, 1 << 40, 1<<48 - 1} {
				b := newPayload(size)
				putDigits(b[seqAt:timeAt], seq)
				putDigits(b[timeAt:fillerAt], uint64(at))
				if len(b) != size || bytes.Count(b, []byte{marker}) != 1 {
					t.Fatalf("%q: want %d bytes and one marker", b, size)
				}
				gotSeq, gotAt, err := readPayload(b, newPayload(size)[fillerAt:])
				if err != nil || gotSeq != seq || gotAt != at {
					t.Fatalf("%q: got %d, %d, %v; want %d, %d", b, gotSeq, gotAt, err, seq, at)
				}
			}
		}
	}
}

// TestEveryDamagedByteIsDetected verifies that a change of any byte is detected.
func TestEveryDamagedByteIsDetected(t *testing.T) {
	good := newPayload(40)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] = '*'
		if _, _, err := readPayload(bad, good[fillerAt:]); err == nil {
			t.Errorf("damage of byte %d of %q was not detected", i, bad)
		}
	}
}

// stream returns payloads 0 to n-1 with other bytes around each of them, as a server might send
// them.
func stream(n int, before, after string) (sample, all []byte) {
	sample = newPayload(30)
	for i := range n {
		p := bytes.Clone(sample)
		putDigits(p[seqAt:timeAt], uint64(i))
		all = append(append(append(all, before...), p...), after...)
	}
	return sample, all
}

// chunked splits b into chunks of random sizes.
func chunked(b []byte, random *rand.Rand) []byte {
	var out []byte
	for len(b) > 0 {
		n := 1 + random.IntN(min(len(b), 50))
		out = append(out, chunk(b[:n])...)
		b = b[n:]
	}
	return append(out, "0\r\n\r\n"...)
}

// TestScannerFindsPayloadsHoweverTheStreamIsCut verifies that the scanner finds all payloads in
// several framings, wherever the reads split the stream.
func TestScannerFindsPayloadsHoweverTheStreamIsCut(t *testing.T) {
	const n = 50
	framings := []struct{ name, before, after string }{
		{"as ssed", "event:tick\ndata:", "\n\n"},
		{"spaces and ids", "id: 17\nevent: tick\ndata: ", "\n\n"},
		{"comments and CRLF", ":keepalive\r\n\r\ndata:", "\r\n\r\n"},
		{"JSON", `data: {"ch":"bench","data":"`, "\"}\n\n"},
		{"no framing", "", ""},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, f := range framings {
		for _, inChunks := range []bool{false, true} {
			for range 100 {
				sample, all := stream(n, f.before, f.after)
				if inChunks {
					all = chunked(all, random)
				}
				s := newScanner(sample, inChunks)
				next := uint64(0)
				for len(all) > 0 {
					cut := 1 + random.IntN(min(len(all), 1+random.IntN(200)))
					err := s.feed(all[:cut:cut], func(seq uint64, _ int64) error {
						if seq != next {
							t.Fatalf("%s: payload %d came where %d was due", f.name, seq, next)
						}
						next++
						return nil
					})
					if err != nil {
						t.Fatalf("%s: %v", f.name, err)
					}
					all = all[cut:]
				}
				if next != n {
					t.Fatalf("%s: found %d payloads of %d", f.name, next, n)
				}
			}
		}
	}
}

// TestDechunkerRefusesInvalidChunks checks invalid chunks, and valid ones with an extension.
func TestDechunkerRefusesInvalidChunks(t *testing.T) {
	for _, bad := range []string{"event:x\n", "5\r\nhello\r\nzz\r\n", strings.Repeat("f", 20) + "\r\n"} {
		if _, err := (&dechunker{}).strip([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	got, err := (&dechunker{}).strip([]byte("5;name=value\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n"))
	if err != nil || string(got) != "hello0123456789" {
		t.Errorf("got %q, %v", got, err)
	}
}
