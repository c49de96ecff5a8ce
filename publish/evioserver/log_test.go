package evioserver

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestLogByDefault checks that a Server without a Logger logs to slog.Default(), like the other
// packages.
func TestLogByDefault(t *testing.T) {
	var said bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	defer slog.SetDefault(before)

	s := New(Options{})
	s.opts.Logger.Warn("a word")
	if !strings.Contains(said.String(), "a word") {
		t.Error("slog.Default() got no line")
	}
}
