package httpparse

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// everyInput returns the inputs of all rows of both tables.
func everyInput() (inputs []string) {
	for _, row := range acceptTable {
		inputs = append(inputs, row.input)
	}
	for _, row := range refuseTable {
		inputs = append(inputs, row.input)
	}
	return append(inputs, chromiumHead)
}

// outcome is the result of a parse in a comparable form.
type outcome struct {
	n   int
	err error
	req string
}

func (o outcome) isMore() bool { return o.n == 0 && o.err == nil }

// parse parses b from a copy without spare capacity, so that a read beyond its end panics.
func parse(b []byte, seen int) outcome {
	var p Parser
	var req Request
	n, err := p.Reparse(bytes.Clone(b)[:len(b):len(b)], seen, &req)
	o := outcome{n: n, err: err}
	if n > 0 {
		o.req = show(&req)
	}
	return o
}

// TestSplits feeds every request in two pieces, split at every byte.
func TestSplits(t *testing.T) {
	for _, input := range everyInput() {
		b := []byte(input)
		whole := parse(b, 0)
		step := 1
		if len(b) > 4<<10 { // the time is quadratic in the length
			step = 10 / testtool.Fewer(10)
		}
		for cut := 0; cut < len(b); cut += step {
			switch first := parse(b[:cut], 0); {
			case !first.isMore() && first != whole:
				t.Fatalf("%.60q cut at %d: first %+v, whole %+v", input, cut, first, whole)
			case first.isMore():
				if again := parse(b, cut); !again.isMore() && again != whole {
					t.Fatalf("%.60q cut at %d: again %+v, whole %+v", input, cut, again, whole)
				} else if again.isMore() && whole.err == nil {
					t.Fatalf("%.60q cut at %d: still needs more bytes, whole %+v", input, cut, whole)
				}
			case cut < whole.n:
				t.Fatalf("%.60q cut at %d: accepted too early", input, cut)
			}
		}
	}
}

// TestParseInSmallSteps feeds every request in small steps, as a slow client sends it. A valid
// request must be accepted at its last byte. An invalid one must be refused for the same reason as
// the whole request: at the latest at the end of the invalid line, after the next KiB, or at the
// end of the input.
func TestParseInSmallSteps(t *testing.T) {
	for _, input := range everyInput() {
		for _, step := range []int{1, 2, 3, 7, 100, 1000} {
			b := []byte(input)
			whole := parse(b, 0)
			got, at := outcome{}, 0
			for seen := 0; at < len(b) && got.isMore(); seen = at {
				at = min(at+step, len(b))
				got = parse(b[:at], seen)
			}
			if got != whole && !(whole.err != nil && got.isMore()) {
				t.Fatalf("%.60q in steps of %d: %+v, whole %+v", input, step, got, whole)
			}
			if late := at - whole.n; whole.n > 0 && late >= step {
				t.Fatalf("%.60q in steps of %d: accepted %d bytes late", input, step, late)
			}
			if got.isMore() && !whole.isMore() && (bytes.HasSuffix(b, []byte("\n")) || len(b) <= eagerBytes) {
				t.Fatalf("%.60q in steps of %d: never refused", input, step)
			}
		}
	}
}

// TestReparseRefusesInTime feeds invalid heads byte by byte and checks when they are refused.
func TestReparseRefusesInTime(t *testing.T) {
	const endless = 1 << 20
	for _, row := range []struct {
		what, start string
		limit       int // HeadBytesMax
		want        *Refusal
		atMost      int // bytes until the refusal
	}{
		{"a bad start, immediately", "\xff", 0, errMethod, 1},
		{"an endless method, immediately", "", 0, errMethodTooLong, methodBytesMax + 1},
		{"an endless target, at the limit", "GET /", 1500, errTargetTooLong, 1500},
		{"a bad byte in an endless target, soon", "GET /" + strings.Repeat("a", 100) + "\x00", 0, errTarget, stepBytes},
		{"a bad line, at its end", "GET /" + strings.Repeat("a", 80) + "# HTTP/1.1\r\n", 0, errFragment, 97},
		{"an endless head, at the limit", "GET / HTTP/1.1\r\nA:", 1500, errHeadTooLarge, 1500},
	} {
		p := Parser{HeadBytesMax: row.limit}
		var req Request
		buf := []byte(row.start + strings.Repeat("A", endless))
		at, err := 0, error(nil)
		for at < endless && err == nil {
			at++
			_, err = p.Reparse(buf[:at], at-1, &req)
		}
		if err != row.want || at > row.atMost {
			t.Errorf("%s: %v after %d bytes", row.what, err, at)
		}
	}
}

// TestReparseCost counts how often the parser processes the worst head.
func TestReparseCost(t *testing.T) {
	head := []byte(strings.TrimSuffix(many(FieldsMax-2), "\r\n") + "A:")
	head = append(head, bytes.Repeat([]byte("b"), DefaultHeadBytesMax-len(head)-1)...)
	looks := 0
	for n := 1; n <= len(head); n++ {
		if worthParsing(head[:n], n-1, DefaultHeadBytesMax) {
			looks++
		}
		if o := parse(head[:n], n-1); !o.isMore() {
			t.Fatalf("after %d bytes: %+v", n, o)
		}
	}
	bound := eagerBytes + FieldsMax + 1 + stepsMax
	if looks > bound {
		t.Errorf("the head was parsed %d times, want at most %d", looks, bound)
	}
	// The number does not grow with the limit: an endless target is not parsed more often.
	const large = 4 << 20
	target := []byte("GET /" + strings.Repeat("a", large))
	looks = 0
	for n := 1; n < large; n++ {
		if worthParsing(target[:n], n-1, large) {
			looks++
		}
	}
	if looks > bound {
		t.Errorf("a target was parsed %d times, want at most %d", looks, bound)
	}
}

// TestParseReadsOnlyItsInput puts bytes after the input that would change the result if they were
// read, and checks that the parser does not modify the input.
func TestParseReadsOnlyItsInput(t *testing.T) {
	for _, input := range everyInput() {
		for _, behind := range []string{"\r\n\r\n", "\n", "A", "\x00"} {
			buf := []byte(input + behind)
			var p Parser
			var req Request
			n, err := p.Parse(buf[:len(input)], &req)
			if want := parse([]byte(input), 0); n != want.n || err != want.err {
				t.Fatalf("%.60q: %d, %v; want %+v", input, n, err, want)
			}
			if string(buf) != input+behind {
				t.Fatalf("%.60q was written to", input)
			}
		}
	}
}

// TestParseDoesNotAllocate verifies that parsing does not allocate.
func TestParseDoesNotAllocate(t *testing.T) {
	var p Parser
	var req Request
	for _, input := range everyInput() {
		b := []byte(input)
		if got := testing.AllocsPerRun(10, func() {
			_, _ = p.Parse(b, &req)
			_, _ = p.Reparse(b[:len(b)-1], len(b)/2, &req)
			_ = req.Get("X-Authorization")
		}); got != 0 {
			t.Errorf("%.60q: %v allocations", input, got)
		}
	}
}
