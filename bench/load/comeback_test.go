package load

import (
	"bytes"
	"strings"
	"testing"
)

// TestComebackChecks verifies that a resuming client accepts only the messages that it missed, once
// and in order, and then the next live message.
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
		err          string // text that the error must contain; empty for no error
		caughtUp     int
		live         int
	}{
		{"all missed and a live message", stream(3, 5, 7), "", 1, 1},
		{"all missed", stream(3, 5), "", 1, 0},
		{"not all yet", stream(3), "", 0, 0},
		{"the last one again", stream(1), "message 1 came where 3 was due", 0, 0},
		{"one is missing", stream(5), "message 5 came where 3 was due", 0, 0},
		{"one comes twice", stream(3, 3), "message 3 came where 5 was due", 0, 0},
		{"another namespace's", stream(3, 4), "message 4 came where 5 was due", 0, 0},
		{"more than was published", stream(3, 5, 7, 9), "message 9 came", 1, 1},
		{"a gap", "event:gap\ndata:{}\n\n" + stream(3), "gap event", 0, 0},
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
				t.Errorf("%d have caught up and %d are live, want %d and %d", c.caughtUp, c.live, tt.caughtUp, tt.live)
			}
		})
	}
}
