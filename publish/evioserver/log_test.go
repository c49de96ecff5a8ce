package evioserver

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestLogByDefault: who names no Logger is told all the same, as by the other rooms.
func TestLogByDefault(t *testing.T) {
	var said bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	defer slog.SetDefault(before)

	s := New(Options{})
	s.opts.Logger.Warn("a word")
	if !strings.Contains(said.String(), "a word") {
		t.Error("nobody is told anything")
	}
}
