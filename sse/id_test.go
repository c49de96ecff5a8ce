package sse

import (
	"strings"
	"testing"
)

// TestID checks valid and invalid ids.
func TestID(t *testing.T) {
	for _, id := range []ID{{"k3j9", 1}, {"0", 18446744073709551615}, {NewEpoch(1<<64 - 1), 7}} {
		if got, err := ParseID([]byte(id.String())); got != id || err != nil {
			t.Errorf("%q: %v, %v", id, got, err)
		}
	}
	for _, bad := range []string{"", "-", "a-", "-1", "a-b", "a-01", "a-+1", "A-1", "a b-1", "a-1 ", "a-18446744073709551616", "ä-1", "1", strings.Repeat("a", 40) + "-1"} {
		if id, err := ParseID([]byte(bad)); err == nil {
			t.Errorf("ParseID(%q) = %v, want an error", bad, id)
		}
	}
}

// FuzzParseID checks that an accepted id is written in the same form, so that each message has only
// one id.
func FuzzParseID(f *testing.F) {
	for _, text := range []string{"k3j9x2ab-1234567", "0-18446744073709551615", "a-0", "", "-", "a-", "-1", "a-01", "a-+1", "A-1", "a-1-1", "a-18446744073709551616", "ä-1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		id, err := ParseID(text)
		if err != nil {
			if id != (ID{}) || err != ErrID {
				t.Fatalf("%q: %v, %v", text, id, err)
			}
			return
		}
		if got := id.String(); got != string(text) {
			t.Fatalf("%q is written back as %q", text, got)
		}
		if line := AppendIDLine(nil, id); len(line) > IDLineBytesMax {
			t.Fatalf("%q makes a line of %d bytes, more than %d", text, len(line), IDLineBytesMax)
		}
	})
}
