// Command ssed is a Server-Sent Events daemon: programs publish lines of text,
// and browsers, curl and any other SSE client subscribe over HTTP.
//
// It is the only place that reads flags, the environment and signals; the
// packages it wires together are told everything by their options.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"
)

// Exit codes, as shells and service managers understand them.
const (
	exitFailure = 1 // it was asked for something that did not work
	exitUsage   = 2 // it was not asked in a way that makes sense
)

// An exitCode ends the process without a word: what there is to say was said.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func main() {
	survivePipes()
	stderr := newLogWriter(patientFile{os.Stderr})
	stdout := &output{Writer: patientFile{os.Stdout}}
	parser := newParser(&commands{}, stdout)
	parser.Exit = func(int) { finish(stderr, stdout, nil) } // after --help

	// kong would make U+FFFD of what is none, and "ssed pub" would publish that.
	for i, arg := range os.Args[1:] {
		if !utf8.ValidString(arg) {
			fail(stderr, exitUsage, "argument %d is not UTF-8", i+1) // and may be a token
		}
	}
	command, err := parser.Parse(os.Args[1:])
	if err != nil && stdout.failure() == nil {
		fail(stderr, usageCode(os.Args[1:]), "%v (see ssed --help)", err)
	}
	if err == nil {
		err = command.Run(stderr, stdout)
	}
	finish(stderr, stdout, err)
}

// usageCode is the exit code for a command line that is not valid. "ssed healthcheck" has
// no code but 0 and 1: Docker's HEALTHCHECK reserves 2.
func usageCode(args []string) int {
	if len(args) > 0 && args[0] == "healthcheck" {
		return exitFailure
	}
	return exitUsage
}

// finish ends the process with the exit code for err, which the command returned. A
// command ends quietly if nobody reads its standard output any more, as in "ssed config |
// head -1". Its exit code is then the one of a process that SIGPIPE ended, unless it
// returned an exitCode.
func finish(stderr *logWriter, stdout *output, err error) {
	code, decided := errors.AsType[exitCode](err)
	unwritten := stdout.failure()
	readerGone := errors.Is(unwritten, syscall.EPIPE)
	switch {
	case unwritten != nil && !readerGone:
		fail(stderr, exitFailure, "%v", unwritten)
	case decided:
	case readerGone:
		code = 128 + exitCode(syscall.SIGPIPE)
	case err != nil:
		fail(stderr, exitFailure, "%v", err)
	}
	stderr.end("", logEndTime)
	os.Exit(int(code))
}

// fail ends the process with one line that says what is wrong. One line, also
// where an error holds several: that is what logs and scripts can read. It comes
// after everything that was logged, and is a record where that is JSON.
func fail(stderr *logWriter, code int, format string, args ...any) {
	line := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")
	last := "ssed: " + line + "\n"
	if stderr.inJSON.Load() {
		last = stderr.record(slog.LevelError, "ssed failed", "err", line)
	}
	stderr.end(last, logEndTime)
	os.Exit(code)
}
