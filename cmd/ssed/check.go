package main

import (
	"errors"
	"fmt"
	"log/slog"
)

type checkCommand struct {
	daemonFlags
}

// Run prints every error on a separate line to standard error, or "ok" to standard output if there
// is no error. Warnings are always text, because a person reads them.
func (c *checkCommand) Run(stderr *logWriter, stdout *output, s *settings) error {
	if len(s.problems) == 0 {
		c.checkWiring(stderr, s)
	}
	for _, line := range s.lines() {
		fmt.Fprintln(stderr, line)
	}
	switch n := len(s.problems); n {
	case 0:
		_, err := fmt.Fprintln(stdout, "ok")
		return err
	case 1:
		return errors.New("the daemon would not start: 1 error")
	default:
		return fmt.Errorf("the daemon would not start: %d errors", n)
	}
}

// checkWiring creates the daemon as "ssed serve" does, but does not listen. It finds errors that
// depend on several flags and on the limits of this process.
func (c *checkCommand) checkWiring(stderr *logWriter, s *settings) {
	log := slog.New(newHandler(stderr, false, slog.LevelWarn))
	c.warnReadableTokens(log)
	c.warnHistoryIgnored(log)
	s.warnStoreIgnored(&c.daemonFlags, log)
	s.warnMemory(&c.daemonFlags, log)
	s.warnEnvTypos(log)
	c.warnLoops(log)
	openFiles, err := raiseLimits(c.loops())
	if err == nil {
		_, err = c.newDaemon(openFiles, s.memory, log, stderr)
	}
	switch at, ok := errors.AsType[*flagError](err); {
	case ok:
		s.blame(at.flag, at.err)
	case err != nil:
		s.problems = append(s.problems, problem{text: err.Error()})
	}
}
