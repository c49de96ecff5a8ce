// Command ssed is a Server-Sent Events daemon: programs publish lines of text, and browsers, curl
// and any other SSE client subscribe over HTTP.
//
// Only this package reads flags, environment variables and signals. It configures all other
// packages by their options.
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

// Exit codes, as shells and service managers expect them.
const (
	exitFailure = 1 // the command failed
	exitUsage   = 2 // the command line is invalid
)

// An exitCode is the result of a command that ends the process with this code and without a
// message, because the command has already printed everything that there is to report.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func main() {
	survivePipes()
	stderr := newLogWriter(patientFile{os.Stderr})
	stdout := &output{Writer: patientFile{os.Stdout}}
	parser := newParser(&commands{}, stdout)
	parser.Exit = func(int) { finish(stderr, stdout, nil) } // after --help

	// kong replaces invalid UTF-8 by U+FFFD, and "ssed pub" would publish that.
	for i, arg := range os.Args[1:] {
		if !utf8.ValidString(arg) {
			fail(stderr, exitUsage, "argument %d is not valid UTF-8", i+1) // the argument is not shown, because it may be a token
		}
	}
	command, err := parseArgs(parser, os.Args[1:])
	if many, ok := errors.AsType[*settingsError](err); ok {
		for _, line := range many.lines {
			fmt.Fprintln(stderr, line)
		}
		fail(stderr, usageCode(os.Args[1:]), "invalid settings: %d errors", len(many.lines))
	}
	if err != nil && stdout.failure() == nil {
		fail(stderr, usageCode(os.Args[1:]), "%v", err)
	}
	if err == nil {
		err = command.Run(stderr, stdout)
	}
	finish(stderr, stdout, err)
}

// usageCode returns the exit code for an invalid command line. "ssed healthcheck" only uses 0 and
// 1, because Docker's HEALTHCHECK reserves 2.
func usageCode(args []string) int {
	if len(args) > 0 && args[0] == "healthcheck" {
		return exitFailure
	}
	return exitUsage
}

// finish ends the process with the exit code for err, the result of the command. If the reader of
// standard output has closed it, as in "ssed config | head -1", finish prints no error. The exit
// code is then that of a process ended by SIGPIPE, unless the command returned an exitCode.
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

// fail ends the process with an error message, as the last line of the log. The message is one line
// even if the error contains several, because logs and scripts expect that. If the log is JSON, it
// is a JSON record.
func fail(stderr *logWriter, code int, format string, args ...any) {
	line := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")
	last := "ssed: " + line + "\n"
	if stderr.inJSON.Load() {
		last = stderr.record(slog.LevelError, "ssed failed", "err", line)
	}
	stderr.end(last, logEndTime)
	os.Exit(code)
}
