package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/top"
)

type topCommand struct {
	Token string `placeholder:"TOKEN" help:"Token with the admin right, if the daemon has such tokens. Prefer the environment variable: other users can read command lines. Default: none."`
	Once  bool   `help:"Print the state once as plain text and exit, for scripts. Default: off."`

	tlsFlags

	URL string `arg:"" optional:"" default:"http://localhost:8001" help:"Address of the daemon's admin pages: http://host:port, https://host:port or unix:///path. Default ${default}."`
}

// Validate refuses a URL that cannot be a daemon's. It also refuses the value of the daemon's
// --token, which includes rights, because both commands read SSED_TOKEN.
func (c *topCommand) Validate(ctx *kong.Context) error {
	if strings.ContainsAny(c.Token, " ;") {
		return errors.New("--token: expected one token, without rights and namespace")
	}
	if _, err := top.NewClient(c.URL, c.Token, nil); err != nil {
		return err
	}
	return c.load(ctx, c.URL, isHTTPS(c.URL))
}

// isHTTPS reports whether a valid URL begins with https://.
func isHTTPS(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https"
}

// Run shows the state of the daemon until the user quits.
func (c *topCommand) Run(stdout *output) error {
	client, err := top.NewClient(c.URL, c.Token, c.config)
	if err != nil {
		return err
	}
	if c.Once {
		return top.Once(context.Background(), client, stdout)
	}
	if !isScreen(os.Stdout) {
		return errors.New("standard output is not a terminal: use --once, or fetch /admin/status.json or /metrics from the daemon")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// SIGHUP may be ignored or delivered to another process, so watch the terminal too.
	ctx, end := context.WithCancelCause(ctx)
	go endWithReader(end, syscall.Stdout)
	err = top.Run(ctx, client, top.Options{
		In:    os.Stdin,
		Out:   os.Stdout,
		Color: os.Getenv("NO_COLOR") == "", // no-color.org
	})
	if code, ok := errors.AsType[exitCode](context.Cause(ctx)); ok {
		return code // the terminal has closed, so its error does not matter
	}
	return err
}

// isScreen reports whether f is a terminal with a movable cursor.
func isScreen(f *os.File) bool {
	return isTerminal(f) && os.Getenv("TERM") != "dumb"
}
