package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/ssed/ssed/subscribe"
)

// TestSubDocQuotes verifies that docs/sub.md shows the reason of a lost connection as ssed sub
// prints it, and that its lines of JSON are valid.
func TestSubDocQuotes(t *testing.T) {
	doc, err := os.ReadFile("../../docs/sub.md")
	if err != nil {
		t.Fatal(err)
	}
	objects := 0
	for line := range strings.Lines(string(doc)) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "connection lost: ") && !strings.Contains(line, subscribe.ErrEnded.Error()) {
			t.Errorf("%s\ndoes not have %q", line, subscribe.ErrEnded)
		}
		if strings.HasPrefix(line, "{") {
			objects++
			if line = strings.Replace(line, `"{...}"`, `""`, 1); !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		}
	}
	if objects != 3 {
		t.Errorf("docs/sub.md has %d lines of JSON, want 3", objects)
	}
}
