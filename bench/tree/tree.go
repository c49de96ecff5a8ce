package tree

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Root returns the root directory of ssed's source. It is the first directory with ssed's go.mod,
// searching upwards from the directory in which the process started.
var Root = sync.OnceValues(func() (string, error) {
	started, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return rootAbove(started)
})

func rootAbove(started string) (string, error) {
	for dir := started; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/ssed/ssed\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no source of ssed in %s or above it: run the bench with go run -C DIR/bench, where DIR is a clone of ssed", started)
		}
	}
}

// ToShell changes to the directory of the user's shell if the process is in bench, where "go run -C
// bench" has started it. The go command leaves PWD as the shell has set it, so PWD names the
// shell's directory. Without PWD the process stays where it is.
func ToShell() error {
	shell := os.Getenv("PWD")
	root, err := Root()
	if err != nil || shell == "" || !same(".", filepath.Join(root, "bench")) {
		return nil
	}
	if err := os.Chdir(shell); err != nil {
		return fmt.Errorf("cannot change to PWD, which paths are relative to: %w", err)
	}
	return nil
}

func same(one, other string) bool {
	a, err := os.Stat(one)
	if err != nil {
		return false
	}
	b, err := os.Stat(other)
	return err == nil && os.SameFile(a, b)
}
