package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestMetricsPage verifies that docs/metrics.md has each metric of a daemon, and that the output of
// its example is real.
func TestMetricsPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	d := testtool.Start(t)
	testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/")
	_, _, metrics := testtool.Fetch(t, d.Subscribe[0]+"/metrics")
	for _, metric := range regexp.MustCompile(`(?m)^# TYPE (ssed_\w+)`).FindAllStringSubmatch(metrics, -1) {
		if !regexp.MustCompile("`" + metric[1] + "[`{]").MatchString(page) {
			t.Errorf("docs/metrics.md does not have %s", metric[1])
		}
	}
	shown := regexp.MustCompile(`(?m)^    ([^$.].*\n)`).FindAllStringSubmatch(page, -1)
	if len(shown) < 3 {
		t.Errorf("the example has only %d lines of output", len(shown))
	}
	for _, line := range shown {
		if !strings.Contains(metrics, "\n"+line[1]) {
			t.Errorf("/metrics does not have the line %q of docs/metrics.md", line[1])
		}
	}
}
