package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ssed/ssed/bench/server"
)

// files returns the files that every run's values are to be written to. The results' is last, in a folder that says when they were
// measured, and of what.
func (o *options) files() ([]string, error) {
	var all []string
	if o.JSON != "" {
		all = append(all, o.JSON)
	}
	if o.Results == "" {
		return all, nil
	}
	commit, err := commit()
	if err != nil {
		return nil, fmt.Errorf("--results: which commit is measured? %w", err)
	}
	dir := filepath.Join(o.Results, time.Now().Format(time.DateOnly)+"-"+commit)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := fresh(dir)
	return append(all, file), err
}

// fresh returns a file for runs that is not there yet: what was measured before, on the same commit and day, stays and stands on the
// same page.
func fresh(dir string) (string, error) {
	name := filepath.Join(dir, "runs.json")
	for n := 2; ; n++ {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
		name = filepath.Join(dir, fmt.Sprintf("runs-%d.json", n))
	}
}

// commit returns the short name of the commit that is checked out, and whether something was changed since.
func commit() (string, error) {
	name, err := output("git", "rev-parse", "--short=8", "HEAD")
	if err != nil {
		return "", err
	}
	changed, err := output("git", "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return "", err
	}
	if changed != "" {
		name += "-changed"
	}
	return name, nil
}

// page has the page and the plots made of what is in a folder. What draws them is a module of its own, so that nobody needs it who only
// wants the daemon.
func page(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	home, err := server.Home()
	if err != nil {
		return err
	}
	_, err = output("go", "run", "-C", filepath.Join(home, "bench", "page"), ".", dir)
	return err
}

// output runs a command and returns what it printed, without the last line's end.
func output(name string, args ...string) (string, error) {
	text, err := exec.Command(name, args...).Output()
	if exit, ok := err.(*exec.ExitError); ok {
		return "", fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(exit.Stderr))
	}
	return string(bytes.TrimSpace(text)), err
}
