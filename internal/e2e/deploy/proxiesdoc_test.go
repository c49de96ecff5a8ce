package deploy

import (
	"regexp"
	"strings"
	"testing"
)

// TestProxiesDocSettings verifies that the settings in the table "What a proxy needs" of
// docs/proxies.md are in the configurations that the proxies' tests run.
func TestProxiesDocSettings(t *testing.T) {
	_, table, found := strings.Cut(shipped(t, "docs", "proxies.md"), "| the proxy must | nginx | HAProxy | Caddy |\n")
	if !found {
		t.Fatal("docs/proxies.md does not have the table")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	files := []string{"nginx.conf", "haproxy.cfg", "Caddyfile"}
	checked := 0
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) != 6 {
			t.Fatalf("this row does not have four cells:\n%s", row)
		}
		for i, file := range files {
			for _, setting := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[i+2], -1) {
				checked++
				if !strings.Contains(shipped(t, "deploy", file), setting[1]) {
					t.Errorf("deploy/%s does not have %q", file, setting[1])
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("found only %d settings", checked)
	}
}
