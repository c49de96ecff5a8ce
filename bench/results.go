package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ssed/ssed/bench/server"
	"github.com/ssed/ssed/bench/tree"
)

// Time limits: to ask git is a matter of a moment; the page's program may have to be built first.
const (
	gitTimeout  = 10 * time.Second
	pageTimeout = 5 * time.Minute
)

// files returns the files that every run's values are to be written to. The results' is last, in a
// folder that says when they were measured, and of what.
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

// fresh returns a file for runs that is not there yet: what was measured before, on the same commit
// and day, stays and stands on the same page.
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

// commit returns the short name of the commit that is checked out, and whether something was
// changed since.
func commit() (string, error) {
	root, err := tree.Root()
	if err != nil {
		return "", err
	}
	name, err := server.Output(gitTimeout, "git", "-C", root, "rev-parse", "--short=8", "HEAD")
	if err != nil {
		return "", err
	}
	changed, err := server.Output(gitTimeout, "git", "-C", root, "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return "", err
	}
	if changed != "" {
		name += "-changed"
	}
	return name, nil
}

// page runs the program that makes the page and the plots of what is in a folder. It is a program
// of its own, so that the process that measures does not hold the fonts and tables of the library
// that draws.
func page(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	root, err := tree.Root()
	if err != nil {
		return err
	}
	_, err = server.Output(pageTimeout, "go", "run", "-C", filepath.Join(root, "bench"), "./page", dir)
	return err
}
