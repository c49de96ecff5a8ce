package doctor

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestProxiesDocQuotesAFinding verifies that docs/proxies.md shows the message and the fixes
// that a proxy with buffering gets.
func TestProxiesDocQuotesAFinding(t *testing.T) {
	doc, err := os.ReadFile("../docs/proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	f := judgeHead(&probe{err: context.Canceled, headTook: 65 * time.Second})
	for _, line := range append([]string{f.Message}, f.Fix...) {
		if !strings.Contains(string(doc), line) {
			t.Errorf("docs/proxies.md does not have %q", line)
		}
	}
}
