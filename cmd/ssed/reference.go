package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/cmd/ssed/reference"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Run prints the completion script of one shell.
func (c *completionCommand) Run(ctx *kong.Context) error {
	write := map[string]func(*kong.Application) string{
		"bash": reference.Bash,
		"zsh":  reference.Zsh,
		"fish": reference.Fish,
	}[c.Shell]
	_, err := fmt.Fprint(ctx.Stdout, write(ctx.Model))
	return err
}

type manCommand struct {
	Folder string `arg:"" help:"Existing directory to write the pages to."`
}

// Run writes the man pages into a directory.
func (c *manCommand) Run(ctx *kong.Context) error {
	for name, page := range reference.Pages(ctx.Model) {
		if err := os.WriteFile(filepath.Join(c.Folder, name), []byte(page), 0o644); err != nil {
			return fmt.Errorf("cannot write the man pages: %w", err)
		}
	}
	return nil
}
