package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// helpOf returns the output of "ssed command --help".
func helpOf(t *testing.T, command ...string) string {
	t.Helper()
	r := run(t, nil, nil, append(command, "--help")...)
	r.wantSuccess(t)
	return r.stdout
}

// commandNames returns the commands that --help lists.
func commandNames(t *testing.T) (names []string) {
	t.Helper()
	_, list, _ := strings.Cut(helpOf(t), "\nCommands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for _, found := range regexp.MustCompile(`(?m)^  ([a-z]+)  `).FindAllStringSubmatch(list, -1) {
		names = append(names, found[1])
	}
	if !slices.Contains(names, "serve") || !slices.Contains(names, "pub") {
		t.Fatalf("found only the commands %q", names)
	}
	return names
}

// flagNames returns the flags that the --help of a command lists, with their dashes.
func flagNames(t *testing.T, command string) (names []string) {
	t.Helper()
	for _, found := range regexp.MustCompile(`(?m)^ +(?:-\w, +)?(--[a-z-]+)`).FindAllStringSubmatch(helpOf(t, command), -1) {
		names = append(names, found[1])
	}
	if !slices.Contains(names, "--help") {
		t.Fatalf("found only the flags %q", names)
	}
	return names
}

// TestManPages checks that the man pages contain every command and every flag of --help.
func TestManPages(t *testing.T) {
	folder := t.TempDir()
	run(t, nil, nil, "man", folder).wantSuccess(t)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), `\-`, "-")
	}
	overview := read("ssed.1")
	commands := commandNames(t)
	for _, command := range commands {
		if !strings.Contains(overview, "\n.BR ssed-"+command+" (1)\n") {
			t.Errorf("ssed.1 does not list %s", command)
		}
		page := read("ssed-" + command + ".1")
		for _, flag := range flagNames(t, command) {
			for name, page := range map[string]string{"ssed.1": overview, "ssed-" + command + ".1": page} {
				if own := name != "ssed.1" || command == "serve"; own && !strings.Contains(page, `\fB`+flag+`\fR`) {
					t.Errorf("%s does not list %s", name, flag)
				}
			}
		}
	}
	for page, words := range map[string]string{
		"ssed.1":             "\n.SH EXAMPLES\n",
		"ssed-pub.1":         "130 after Ctrl-C (SIGINT), 143 after SIGTERM",
		"ssed-check.1":       "\n.SH EXAMPLES\n.EX\n    ssed check --config ssed.toml\n.EE\n",
		"ssed-sub.1":         "\n.SH SEE ALSO\n.BR ssed (1),\n",
		"ssed-healthcheck.1": "\n0 if the daemon is healthy, otherwise 1.\n",
	} {
		if !strings.Contains(read(page), words) {
			t.Errorf("%s does not have %q", page, words)
		}
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != len(commands)+1 {
		t.Errorf("%d pages for %d commands, %v", len(files), len(commands), err)
	}
	run(t, nil, nil, "man", filepath.Join(folder, "nowhere")).wantFailure(t, exitFailure, "cannot write", "nowhere")
}
