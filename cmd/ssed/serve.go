package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

type serveCommand struct {
	daemonFlags
}

// Run serves until a signal ends it.
func (c *serveCommand) Run(stderr *logWriter, s *settings) error {
	return c.runDaemon(stderr, s, func(context.Context, *daemon) {})
}

// runDaemon runs the daemon until SIGINT or SIGTERM asks it to end, and drains it
// then. stderr gets its log. It returns an error if the daemon could not start, or
// died. beside runs beside it once it is up, and has to return when its context ends.
func (f *daemonFlags) runDaemon(stderr *logWriter, s *settings, beside func(context.Context, *daemon)) error {
	boundCollector()
	log := f.newLogger(stderr)

	openFiles, err := raiseLimits()
	if err != nil {
		return err
	}

	// Asked once, the daemon drains. From then on signals have their default
	// effect again: the next one ends the process at once.
	asked, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(asked, stop)

	// SIGHUP would end a process that does not ask for it.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)

	f.warnOfReaders(log)
	f.warnOfHistory(log)
	f.limitMemory(log, s.memory)
	s.warnOfMemory(f, log)
	s.warnEnvTypos(log)
	d, err := f.newDaemon(openFiles, s.memory, log, stderr)
	if err != nil {
		return err
	}
	defer d.shutdown()
	if err := d.start(asked); err != nil {
		return err
	}
	log.Info("ssed is up",
		"subscribers", strings.Join(d.subscribeURLs(), " "),
		"publishers", strings.Join(d.publishURLs(), " "),
		"admin", d.admin.url,
		"open_files", openFiles)
	notify := notifyUp(d)
	go beside(asked, d)

	tokens := d.tokens
	for {
		select {
		case err := <-d.died:
			return err
		case <-hup:
			notify.reloading()
			tokens, err = f.reload(d, tokens)
			notify.reloaded(err)
		case <-asked.Done():
			atMost := d.endAtMost + d.storeTime()
			log.Info("draining", "because", context.Cause(asked), "over", f.Drain, "at_most", atMost)
			notify.stopping(atMost)
			return nil
		}
	}
}
