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

// Time limits. Git answers in a moment, but the program that makes the page may have to be built
// first.
const (
	gitTimeout  = 10 * time.Second
	pageTimeout = 5 * time.Minute
)

// files returns the files that receive the values of every run. The file for --results is the last.
// It is in a folder named after the date and the commit that was measured.
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
		return nil, fmt.Errorf("--results: cannot find the commit that is measured: %w", err)
	}
	dir := filepath.Join(o.Results, time.Now().Format(time.DateOnly)+"-"+commit)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := fresh(dir)
	return append(all, file), err
}

// fresh returns a file name for runs that does not exist yet. Earlier runs of the same commit and
// day stay, and appear on the same page.
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

// commit returns the short name of the commit that is checked out. It ends in -changed if a tracked
// file has changes.
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

// page runs the program that makes the page and the plots from the files in a folder. It is a
// separate program, so that the process that measures does not load the fonts and tables of the
// drawing library.
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
