package publishers

import (
	"fmt"
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

// TestPublishingDocPython verifies that the Python program in docs/publishing.md publishes the
// message that the page describes, and prints the reply.
func TestPublishingDocPython(t *testing.T) {
	t.Parallel()
	python := testtool.Need(t, "python3")
	d := testtool.Start(t)
	host, port, _ := strings.Cut(strings.TrimPrefix(d.Publish[0], "tcp://"), ":")
	program := testtool.GuideProgram(t, "publishing.md", "python")
	program = testtool.Replace(t, program, `("127.0.0.1", 8002)`, fmt.Sprintf("(%q, %s)", host, port))
	wantCorgi(t, d, exec.Command(python, "-c", program), "OK 1\n")
}

// TestPublishingDocGo verifies the same of the Go program.
func TestPublishingDocGo(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t)
	program := testtool.GuideProgram(t, "publishing.md", "go")
	program = testtool.Replace(t, program, "tcp://127.0.0.1:8002", d.Publish[0])
	wantCorgi(t, d, exec.Command(testtool.BuildProgram(t, program)), "published as message 1\n")
}

// wantCorgi runs a program, and checks its last line of output and the event that it publishes.
func wantCorgi(t *testing.T, d *testtool.Daemon, program *exec.Cmd, last string) {
	t.Helper()
	pets := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets")
	out, err := program.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), last) {
		t.Fatalf("the program printed %q, %v; want %q", out, err, last)
	}
	if frame := pets.Frame(t); frame != "event:new-dog\ndata:Corgi\n\n" {
		t.Errorf("the subscriber got %q", frame)
	}
}
