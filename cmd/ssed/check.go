package main

import (
	"errors"
	"fmt"
	"log/slog"
)

type checkCommand struct {
	daemonFlags
}

// Run tells everything that is wrong, one line each, on standard error, and "ok" on
// standard output if nothing is. Its log is text: it is for whoever asked.
func (c *checkCommand) Run(stderr *logWriter, stdout *output, s *settings) error {
	if len(s.problems) == 0 {
		c.checkWiring(stderr, s)
	}
	for _, problem := range s.problems {
		fmt.Fprintln(stderr, problem)
	}
	switch n := len(s.problems); n {
	case 0:
		_, err := fmt.Fprintln(stdout, "ok")
		return err
	case 1:
		return errors.New("the daemon would not start: this is wrong")
	default:
		return fmt.Errorf("the daemon would not start: these %d things are wrong", n)
	}
}

// checkWiring makes the daemon as it would be served, short of listening: some
// errors only all flags together, with the limits of this process, can show.
func (c *checkCommand) checkWiring(stderr *logWriter, s *settings) {
	log := slog.New(newHandler(stderr, false, slog.LevelWarn))
	c.warnOfReaders(log)
	c.warnOfHistory(log)
	s.warnOfMemory(&c.daemonFlags, log)
	s.warnEnvTypos(log)
	openFiles, err := raiseLimits()
	if err == nil {
		_, err = c.newDaemon(openFiles, s.memory, log, stderr)
	}
	switch at, ok := errors.AsType[*flagError](err); {
	case ok:
		s.blame(at.flag, at.err)
	case err != nil:
		s.problems = append(s.problems, err.Error())
	}
}
