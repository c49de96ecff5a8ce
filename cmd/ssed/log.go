package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The values of --log-format.
const (
	autoLog = "auto"
	textLog = "text"
	jsonLog = "json"
)

// newLogger returns the daemon's logger, which writes to stderr. It also sets the format of the
// lines that stderr adds itself.
func (f *daemonFlags) newLogger(stderr *logWriter) *slog.Logger {
	inJSON := f.LogFormat == jsonLog || f.LogFormat == autoLog && !isTerminal(os.Stderr)
	stderr.inJSON.Store(inJSON)
	return slog.New(newHandler(stderr, inJSON, slog.Level(f.LogLevel)))
}

// A logLevel is the lowest level that is logged, the value of --log-level.
type logLevel slog.Level

// UnmarshalText parses one of slog's level names. The error of slog does not list them, so it is
// replaced.
func (l *logLevel) UnmarshalText(text []byte) error {
	if err := (*slog.Level)(l).UnmarshalText(text); err != nil {
		return fmt.Errorf("invalid level %q: expected debug, info, warn or error", text)
	}
	return nil
}

func (l logLevel) String() string { return strings.ToLower(slog.Level(l).String()) }

func newHandler(out io.Writer, inJSON bool, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if inJSON {
		options.ReplaceAttr = durationsAsText
		return slog.NewJSONHandler(out, options)
	}
	return slog.NewTextHandler(out, options)
}

// durationsAsText writes a duration as the text log does, such as 5s. By default JSON would contain
// a number of nanoseconds without a unit.
func durationsAsText(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// record returns one line in the format of the daemon's other log lines.
func (w *logWriter) record(level slog.Level, msg string, args ...any) string {
	var line bytes.Buffer
	slog.New(newHandler(&line, w.inJSON.Load(), level)).Log(context.Background(), level, msg, args...)
	return line.String()
}

func isTerminal(f *os.File) (is bool) {
	err := withDescriptor(f, func(fd int) {
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		is = err == nil
	})
	return is && err == nil
}
