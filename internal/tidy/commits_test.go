package tidy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// checkCommits runs .ci/commits in a folder and returns its output and whether it succeeds.
func checkCommits(t *testing.T, folder string, args ...string) (output string, ok bool) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("..", "..", ".ci", "commits"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testtool.Need(t, "bash", "git"), append([]string{script}, args...)...)
	cmd.Dir = folder
	cmd.Env = gitEnviron()
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out), err == nil
}

// gitEnviron returns an environment for git without the settings of this user and without a
// repository other than that of the current folder. In its locale a character is a byte.
func gitEnviron() []string {
	env := []string{"LC_ALL=C", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.org",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.org"}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GIT_") && !strings.HasPrefix(variable, "LC_ALL=") {
			env = append(env, variable)
		}
	}
	return env
}

// TestCommitMessages verifies which commit messages .ci/commits accepts.
func TestCommitMessages(t *testing.T) {
	testtool.Need(t, "bash", "git")
	rooted(t, ".ci/commits") // makes go test rerun this test after a change of the script
	exactly72 := "loop: " + strings.Repeat("é", 66)
	for _, c := range []struct {
		name, message string
		wrong         string // part of the error; "" if the message is valid
	}{
		{"a room", "loop: count refusals", ""},
		{"two rooms", "auth, admin: add the metrics right", ""},
		{"a folder", "e2e/clients: run in Firefox", ""},
		{"a command", "ssed pub: skip refused lines", ""},
		{"a sentence", "Add RELEASING.md", ""},
		{"git's own revert", `Revert "loop: count refusals"`, ""},
		{"a body", "loop: count refusals\n\nOperators ask for it.\n", ""},
		{"comments of git's editor", "# Please enter\nloop: count refusals\n# On branch main\n", ""},
		{"72 characters of more bytes", exactly72, ""},
		{"wipe is a word", "store: wipe the folder of a test", ""},
		{"a period inside", "docs: name go.mod and RELEASING.md twice", ""},
		{"73 characters", exactly72 + "x", "73 characters, at most 72"},
		{"nothing", "", "empty"},
		{"only comments", "# Please enter\n", "empty"},
		{"neither a room nor a sentence", "count refusals", "room: change"},
		{"no space after the colon", "loop:count refusals", "room: change"},
		{"nothing after the room", "loop: ", "room: change"},
		{"a type and a scope", "feat(loop): count refusals", "room: change"},
		{"a period at the end", "loop: count refusals.", "period"},
		{"fixup", "fixup! loop: count refusals", "unfinished"},
		{"squash", "squash! loop: count refusals", "unfinished"},
		{"amend", "amend! loop: count refusals", "unfinished"},
		{"work in progress", "wip", "unfinished"},
		{"work in progress in a room", "loop: WIP refusals", "unfinished"},
		{"past tense", "loop: added a count of refusals", "imperative"},
		{"third person", "Fixes the count of refusals", "imperative"},
		{"no empty line", "loop: count refusals\nOperators ask for it.\n", "empty line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "message")
			if err := os.WriteFile(file, []byte(c.message), 0o644); err != nil {
				t.Fatal(err)
			}
			switch output, ok := checkCommits(t, t.TempDir(), "-m", file); {
			case ok != (c.wrong == ""):
				t.Errorf("%q: accepted: %v\n%s", c.message, ok, output)
			case !strings.Contains(output, c.wrong) || strings.Count(output, "\n") > 1:
				t.Errorf("%q: want one error with %q, got\n%s", c.message, c.wrong, output)
			}
		})
	}
}

// TestCommitHistory verifies .ci/commits with a new repository and a shallow clone of it.
func TestCommitHistory(t *testing.T) {
	git := testtool.Need(t, "git", "bash")
	rooted(t, ".ci/commits")
	repository := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(git, args...)
		cmd.Dir, cmd.Env = repository, gitEnviron()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commit := func(message string) (hash string) {
		t.Helper()
		run("commit", "--quiet", "--allow-empty", "--message", message)
		return run("rev-parse", "HEAD")
	}
	want := func(name string, ok bool, output string, folder string, args ...string) {
		t.Helper()
		got, succeeds := checkCommits(t, folder, args...)
		if succeeds != ok || !strings.Contains(got, output) {
			t.Errorf("%s: succeeds: %v, want %v with %q, got\n%s", name, succeeds, ok, output, got)
		}
	}

	run("init", "--quiet", "--initial-branch", "main")
	commit("from before the rules.")
	base := commit("and another one.")
	want("nothing new", true, "0 commits", repository, base)
	commit("loop: count refusals")
	good := commit("Add RELEASING.md\n\nIt explains how to make a release.")
	want("good commits", true, "2 commits", repository, base)

	bad := commit("loop: count more refusals.")
	commit("loop: count others")
	want("a bad commit below a good one", false, bad[:12]+` "loop: count more refusals.": `, repository, base)
	run("reset", "--quiet", "--hard", good)

	run("checkout", "--quiet", "-b", "side", base)
	commit("sse: name a constant")
	run("checkout", "--quiet", "main")
	run("merge", "--quiet", "--no-ff", "--message", "Take in the side branch", "side")
	want("a merge", false, "rebase", repository, base)
	want("a base that this branch does not have", false, "not in the history", repository, strings.Repeat("1", 40))

	shallow := t.TempDir()
	run("clone", "--quiet", "--depth", "3", "file://"+repository, shallow)
	want("a shallow clone", true, "are not checked", shallow, good)
	want("no repository", false, "not a git repository", t.TempDir())
}
