package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/auth"
)

// TestSecurityDocTokens verifies that the token file in docs/security.md gives the rights that the
// page describes, and that its tokens look like those of openssl rand.
func TestSecurityDocTokens(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := strings.Cut(string(text), "    # /etc/ssed/tokens\n")
	file, _, _ = strings.Cut(file, "\n\n")
	lines := strings.Split(file, "\n")
	table, err := auth.ParseTable(lines)
	if err != nil || table.Len() != 2 {
		t.Fatalf("the file has %d tokens, want 2; %v", table.Len(), err)
	}
	var tokens [2]string
	for i, line := range lines {
		tokens[i] = strings.Fields(line)[0]
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(tokens[i]) {
			t.Errorf("%q is not a token of openssl rand -hex 16", tokens[i])
		}
	}
	for _, tt := range []struct {
		token     int
		right     auth.Right
		namespace string
		allows    bool
	}{
		{0, auth.Publish, "/orders/4711", true},
		{0, auth.Publish, "/pets", false},
		{0, auth.Subscribe, "/orders", false},
		{1, auth.Subscribe, "/pets", true},
		{1, auth.Publish, "/orders", false},
	} {
		grant, ok := table.Grant([]byte(tokens[tt.token]), tt.right)
		if got := ok && grant.Allows([]byte(tt.namespace)); got != tt.allows {
			t.Errorf("token %d may %v %s: %v, want %v", tt.token+1, tt.right, tt.namespace, got, tt.allows)
		}
	}
}
