package tutorial

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// A reader has everything that the tutorial needs: a folder, terminals in it, and a browser. They
// are in a network namespace in which the default ports are free.
type reader struct {
	place     testtool.Place
	home      string
	env       []string
	terminals map[string]*terminal
	known     epochs
	browser   *browser
}

// TestTutorial follows the tutorial from its first command to its last.
func TestTutorial(t *testing.T) {
	testtool.Long(t, "it clones and builds the repository")
	p := readTutorial(t)
	testtool.Need(t, "bash", "git", "ip", "curl", "nc", "python3", "chromium")
	r := newReader(t)
	for _, b := range p.blocks {
		switch {
		case b.language == "console":
			r.inTerminal(t, b)
		case strings.HasPrefix(b.about, "http://"):
			r.inBrowser(t, b)
		default:
			r.save(t, b)
		}
	}
}

func newReader(t *testing.T) *reader {
	t.Helper()
	home := t.TempDir()
	r := &reader{place: testtool.NewPlace(t), home: home, terminals: map[string]*terminal{}, known: epochs{}}
	// Use the module and build caches of this machine, but no other settings, and leave nothing
	// behind.
	for _, variable := range testtool.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if name != "SSED_LOG_FORMAT" && name != "HOME" && !strings.HasPrefix(name, "GIT_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			r.env = append(r.env, variable)
		}
	}
	for _, name := range []string{"GOENV", "GOCACHE", "GOPATH", "GOMODCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		r.env = append(r.env, name+"="+strings.TrimSpace(string(value)))
	}
	r.env = append(r.env, "HOME="+home, "PS1="+prompt, "PS2="+promptMore, "TERM=xterm", "LC_ALL=C.UTF-8", "HISTFILE=",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+publishTree(t)+".insteadOf", "GIT_CONFIG_VALUE_0=https://github.com/ssed/ssed")
	return r
}

// publishTree makes a git repository of this test's source tree, including uncommitted changes, and
// returns its folder. The tutorial clones it in place of the one on GitHub.
func publishTree(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	tree, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) {
		cmd := exec.Command(testtool.Need(t, "git"), args...)
		cmd.Env = append(os.Environ(), "GIT_DIR="+filepath.Join(folder, ".git"), "GIT_WORK_TREE="+tree,
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost")
		cmd.Dir = tree
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	git("init", "--quiet")
	git("add", "--all")
	git("commit", "--quiet", "--message=as it is now")
	return folder
}

// inTerminal runs a block in a terminal, and opens the terminal if it is new. It returns when every
// command that exits on its own has exited, and a new subscriber is connected. A user would not be
// faster with the next step.
func (r *reader) inTerminal(t *testing.T, b block) {
	t.Helper()
	term := r.terminals[b.about]
	if term == nil {
		r.place.In(t, func() { term = openTerminal(t, b.about, r.home, r.env, r.known) })
		r.terminals[b.about] = term
	}
	before := r.arrived()
	term.follow(t, b)
	where := fmt.Sprintf("docs/tutorial.md:%d", b.line)
	switch last := b.lines[len(b.lines)-1]; {
	case !b.continues:
		term.wantPrompt(t, where, prompt)
	case strings.HasPrefix(last, prompt+"curl -N"), strings.HasPrefix(last, prompt+"./ssed sub"):
		testtool.WaitFor(t, "the subscriber of "+where, func() bool { return r.arrived() > before })
	}
}

// arrived counts the subscribers in the daemon's log.
func (r *reader) arrived() (n int) {
	for _, term := range r.terminals {
		n += strings.Count(term.text(), `msg="subscriber connected"`)
	}
	return n
}

// save saves a block as a file in the folder in which the daemon was built.
func (r *reader) save(t *testing.T, b block) {
	t.Helper()
	if !filepath.IsLocal(b.about) {
		t.Fatalf("docs/tutorial.md:%d: %q is not the name of a local file", b.line, b.about)
	}
	text := strings.Join(b.lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(r.home, "ssed", b.about), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
