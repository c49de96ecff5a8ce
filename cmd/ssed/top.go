package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/ssed/ssed/top"
)

type topCommand struct {
	Token string `placeholder:"TOKEN" help:"Token with the admin right, for a daemon that has such tokens. Prefer the environment: other users of a machine can read command lines."`
	Once  bool   `help:"Print the state once, as plain text, and end: for scripts."`

	URL string `arg:"" optional:"" default:"http://localhost:8001" help:"Where the daemon's admin pages are: http://host:port, https:// or unix:///path. Default ${default}."`
}

// Validate catches what cannot be a daemon, and the token of a daemon's --token,
// rights and all: both commands read SSED_TOKEN.
func (c *topCommand) Validate() error {
	if strings.ContainsAny(c.Token, " ;") {
		return errors.New("--token: give one token alone, without rights and namespace")
	}
	_, err := top.NewClient(c.URL, c.Token)
	return err
}

// Run shows the daemon until its user has seen enough.
func (c *topCommand) Run(stdout *output) error {
	client, err := top.NewClient(c.URL, c.Token)
	if err != nil {
		return err
	}
	if c.Once {
		return top.Once(context.Background(), client, stdout)
	}
	if !isScreen(os.Stdout) {
		return errors.New("standard output is no terminal that could show this: use --once, or ask the daemon for /admin/status.json or /metrics")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// SIGHUP may be ignored, or go to another process.
	ctx, end := context.WithCancelCause(ctx)
	go endWithReader(end, syscall.Stdout)
	err = top.Run(ctx, client, top.Options{
		In:    os.Stdin,
		Out:   os.Stdout,
		Color: os.Getenv("NO_COLOR") == "", // no-color.org
	})
	if told, ok := errors.AsType[exitCode](context.Cause(ctx)); ok {
		return told // an error of a terminal that is gone does not count
	}
	return err
}

// isScreen tells whether a file is a terminal, and one on which a cursor can move.
func isScreen(f *os.File) bool {
	return isTerminal(f) && os.Getenv("TERM") != "dumb"
}
