package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ssed/ssed/bench/page/results"
	"github.com/ssed/ssed/bench/tree"
)

// mark is the start of a page. It distinguishes an earlier edition, which may be replaced,
// from a README.md that was written by hand.
const mark = "<!-- Written by bench/page from the JSON files in this directory."

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "page: expected one argument, a directory with JSON files of bench: go run -C bench ./page DIR")
		os.Exit(2)
	}
	err := tree.ToShell()
	if err == nil {
		err = write(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

// write writes the page and the pictures for the JSON files in dir into dir. It removes pictures of
// an earlier edition that this edition does not have.
func write(dir string) error {
	set, err := results.Read(dir)
	if err != nil {
		return err
	}
	readme := filepath.Join(dir, "README.md")
	before, err := os.ReadFile(readme)
	if err == nil && !bytes.HasPrefix(before, []byte(mark)) {
		return fmt.Errorf("%s was not written by this command: move it or the JSON files to another directory", readme)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The remarks on the goals are optional.
	remarks, err := os.ReadFile(filepath.Join(dir, "remarks.md"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	drawn, err := draw(set)
	if err != nil {
		return err
	}
	for _, name := range pictureNames() {
		path := filepath.Join(dir, name)
		if svg, ok := drawn[name]; ok {
			err = os.WriteFile(path, svg, 0o644)
		} else if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return os.WriteFile(readme, []byte(mark+" Changes to this file will be lost. -->\n"+page(set, drawn, string(remarks))), 0o644)
}
