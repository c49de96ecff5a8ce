package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/ssed/ssed/internal/listen"
)

type serveCommand struct {
	daemonFlags
}

// Run serves until a signal stops it.
func (c *serveCommand) Run(stderr *logWriter, s *settings) error {
	return c.runDaemon(stderr, s, func(context.Context, *daemon) {})
}

// explainInUse returns the error of a daemon that cannot start, with the flag of the address that
// another process uses.
func (f *daemonFlags) explainInUse(err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	concerns := func(e listen.Endpoint) bool {
		return strings.Contains(err.Error(), "cannot listen on "+e.String()+": ")
	}
	const words = "cannot listen on %s (--%s): %w; is another ssed running?"
	for _, address := range f.Listen {
		if e, wrong := listen.ParseListen(address); wrong == nil && concerns(e) {
			return fmt.Errorf(words, address, "listen", syscall.EADDRINUSE)
		}
	}
	for _, url := range f.Publish {
		if e, wrong := listen.ParseEndpoint(url); wrong == nil && concerns(e) {
			return fmt.Errorf(words, url, "publish", syscall.EADDRINUSE)
		}
	}
	return err
}

// runDaemon runs the daemon until SIGINT or SIGTERM, and then drains it. The log goes to stderr. It
// returns an error if the daemon cannot start or stops unexpectedly. alongside is called in a
// goroutine when the daemon is up, and must return when its context is done.
func (f *daemonFlags) runDaemon(stderr *logWriter, s *settings, alongside func(context.Context, *daemon)) error {
	boundCollector()
	log := f.newLogger(stderr)

	f.warnLoops(log) // before the number of CPUs is raised
	openFiles, err := raiseLimits(f.loops())
	if err != nil {
		return err
	}

	// The first signal starts the drain. After it, signals have their default effect again, so a
	// second one ends the process immediately.
	signaled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(signaled, stop)

	// Without a handler, SIGHUP would end the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)

	f.warnReadableTokens(log)
	f.warnHistoryIgnored(log)
	s.warnStoreIgnored(f, log)
	f.limitMemory(log, s.memory)
	s.warnMemory(f, log)
	s.warnEnvTypos(log)
	d, err := f.newDaemon(openFiles, s.memory, log, stderr)
	if err != nil {
		return err
	}
	defer d.shutdown()
	if err := d.start(signaled); err != nil {
		return f.explainInUse(err)
	}
	log.Info("ssed is up",
		"listen", strings.Join(d.subscribeURLs(), " "),
		"publish", strings.Join(d.publishURLs(), " "),
		"admin", d.admin.url,
		"open_files", openFiles,
		"loops", f.loops())
	notify := notifyUp(d)
	go alongside(signaled, d)

	tokens := d.tokens
	for {
		select {
		case err := <-d.died:
			return err
		case <-hup:
			notify.reloading()
			tokens, err = f.reload(d, tokens)
			notify.reloaded(err)
		case <-signaled.Done():
			atMost := d.endAtMost + d.storeTime()
			log.Info("draining", "reason", context.Cause(signaled), "drain", f.Drain, "timeout", atMost)
			notify.stopping(atMost)
			return nil
		}
	}
}
