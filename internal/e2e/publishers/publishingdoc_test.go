package publishers

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestPublishingDocCommands verifies that the commands in docs/publishing.md that are shown
// with their output print that output.
func TestPublishingDocCommands(t *testing.T) {
	t.Parallel()
	bash := testtool.Need(t, "bash", "nc")
	doc, err := os.ReadFile("../../../docs/publishing.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)^( +)\$ (.+)\n((?:    .+\n)+)`).FindAllStringSubmatch(string(doc), -1)
	if len(shown) < 2 {
		t.Fatalf("found only %d commands", len(shown))
	}
	for _, s := range shown {
		indent, command, want := s[1], s[2], s[3]
		d := testtool.Start(t, "--token=a-long-secret publish /pets")
		if !strings.Contains(command, "AUTH") {
			d = testtool.Start(t)
		}
		host, port, _ := strings.Cut(strings.TrimPrefix(d.Publish[0], "tcp://"), ":")
		out, err := exec.Command(bash, "-c", strings.ReplaceAll(command, "127.0.0.1 8002", host+" "+port)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v", command, err)
		}
		if want = regexp.MustCompile("(?m)^"+indent).ReplaceAllString(want, ""); string(out) != want {
			t.Errorf("%s\nprints\n%s\nand docs/publishing.md shows\n%s", command, out, want)
		}
	}
}
