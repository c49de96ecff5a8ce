package load

import (
	"bytes"
	"strings"
	"testing"
)

// TestComebackChecks: a client that comes back wants what it missed, once and in order, then what
// is live, and nothing else.
func TestComebackChecks(t *testing.T) {
	stream := func(numbers ...uint64) string {
		var b bytes.Buffer
		for _, n := range numbers {
			payload := newPayload(20)
			putDigits(payload[seqAt:timeAt], n)
			b.WriteString("id:e-1\nevent:tick\ndata:" + string(payload) + "\n\n")
		}
		return b.String()
	}
	for _, tt := range []struct {
		name, stream string
		err          string // what the error must say; empty: there is none
		caughtUp     int
		live         int
	}{
		{"all, and live", stream(3, 5, 7), "", 1, 1},
		{"all", stream(3, 5), "", 1, 0},
		{"not all yet", stream(3), "", 0, 0},
		{"the last that it has", stream(1), "message 1 came where 3 was due", 0, 0},
		{"one is missing", stream(5), "message 5 came where 3 was due", 0, 0},
		{"one comes twice", stream(3, 3), "message 3 came where 5 was due", 0, 0},
		{"another namespace's", stream(3, 4), "message 4 came where 5 was due", 0, 0},
		{"more than was published", stream(3, 5, 7, 9), "message 9 came", 1, 1},
		{"a gap", "event:gap\ndata:{}\n\n" + stream(3), "told of a gap", 0, 0},
		{"damage", strings.Replace(stream(3), "RS", "SR", 1), "damaged", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &Comeback{kept: &Kept{sent: 8}}
			c.each = c.payload
			r := &returner{due: 3, step: 2, missing: 2, isUp: true, scan: newScanner(newPayload(20), false)}
			err := c.take(r, []byte(tt.stream))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			if c.caughtUp != tt.caughtUp || c.live != tt.live {
				t.Errorf("%d have all and %d are live, want %d and %d", c.caughtUp, c.live, tt.caughtUp, tt.live)
			}
		})
	}
}
