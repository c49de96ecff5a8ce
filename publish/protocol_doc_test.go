package publish

import (
	"os"
	"strings"
	"testing"
)

// TestSpecificationExample verifies the example conversation in the last chapter of the protocol's
// specification.
func TestSpecificationExample(t *testing.T) {
	text, err := os.ReadFile("../docs/line-protocol.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, ok := strings.Cut(string(text), "\nA conversation\n")
	if !ok {
		t.Fatal("the specification has no conversation")
	}
	var in, want strings.Builder
	for line := range strings.Lines(chapter) {
		line = strings.TrimPrefix(line, "    ")
		if sent, ok := strings.CutPrefix(line, "> "); ok {
			in.WriteString(sent)
		}
		if reply, ok := strings.CutPrefix(line, "< "); ok {
			want.WriteString(reply)
		}
	}
	_, out, got, done := feed(&open, []byte(in.String()), in.Len())
	if out != want.String() || len(got) != 4 || !done {
		t.Errorf("replies\n%s, want\n%s\npublished %q", out, want.String(), got)
	}
	if lineBytesMax(0) != 1344 {
		t.Errorf("a line has %d bytes more than its data", lineBytesMax(0))
	}
}
