package clients

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestResumeDocCommands verifies that the commands in the section "Try it" of docs/resume.md
// print what the section shows, except for the epoch of the ids.
func TestResumeDocCommands(t *testing.T) {
	t.Parallel()
	bash := testtool.Need(t, "bash", "curl", "nc")
	doc, err := os.ReadFile("../../../docs/resume.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "## Try it\n")
	section, _, _ = strings.Cut(section, "\n## ")
	commands := regexp.MustCompile(`(?m)^    \$ (.+)\n((?:    [^$].*\n|\n+    [^$])*)`).FindAllStringSubmatch(section, -1)
	if len(commands) < 6 {
		t.Fatalf("found only %d commands", len(commands))
	}
	flags := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(commands[0][1], "ssed "), "&"))
	d := startQuiet(t, flags...)
	host, port, _ := strings.Cut(strings.TrimPrefix(d.Publish[0], "tcp://"), ":")
	here := []string{"127.0.0.1 8002", host + " " + port, "http://localhost:8001", d.Subscribe[0]}
	for _, c := range commands[1:] {
		want := regexp.MustCompile(`(?m)^    `).ReplaceAllString(c[2], "")
		want, _, _ = strings.Cut(want, "...")
		if !strings.Contains(want, "\n") {
			t.Errorf("docs/resume.md does not show what %s prints", c[1])
		}
		run := testtool.StartCommand(t, bash, "-c", strings.NewReplacer(here...).Replace(c[1]))
		testtool.WaitFor(t, "the output of "+c[1], func() bool {
			if epoch := regexp.MustCompile(`(?m)^id:(\w+)-4$`).FindStringSubmatch(run.Output()); epoch != nil && len(here) == 4 {
				here = append(here, "f57rv0ie", epoch[1])
			}
			return strings.HasPrefix(run.Output(), strings.TrimRight(strings.NewReplacer(here...).Replace(want), "\n"))
		})
	}
}
