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

// mark is how the page knows its own earlier edition, which it may replace, from a README.md that
// somebody wrote.
const mark = "<!-- Written by bench/page from the JSON files in this directory. What is changed here is lost. -->\n"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "page: want one directory with JSON files of bench: go run -C bench ./page DIR")
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

// write renders what is in dir into dir. Pictures that an earlier edition had and this one has not
// are removed.
func write(dir string) error {
	set, err := results.Read(dir)
	if err != nil {
		return err
	}
	readme := filepath.Join(dir, "README.md")
	before, err := os.ReadFile(readme)
	if err == nil && !bytes.HasPrefix(before, []byte(mark)) {
		return fmt.Errorf("%s was not written by this command, so it stays. Move it away, or the JSON files to another directory", readme)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// What people say to the goals is optional.
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
	return os.WriteFile(readme, []byte(mark+page(set, drawn, string(remarks))), 0o644)
}
