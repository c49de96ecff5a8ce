package top

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ssed/ssed/internal/testtool"
)

// TestShowStopsWithItsContext verifies that show returns without an error when its context ends.
func TestShowStopsWithItsContext(t *testing.T) {
	terminal := testtool.NewTerminal(t)
	m, _ := start()
	patience, enough := context.WithTimeout(t.Context(), testtool.Patience)
	defer enough()
	ctx, cancel := context.WithCancel(patience)
	err := show(ctx, m, Options{In: terminal.Side, Out: terminal.Side}, func(func(tea.Msg)) {
		appears(patience, terminal)
		cancel()
	})
	if err != nil || patience.Err() != nil {
		t.Error(err, patience.Err())
	}
}

// appears waits until the terminal shows the model. It returns false if ctx ends before.
func appears(ctx context.Context, terminal *testtool.Terminal) bool {
	for ctx.Err() == nil {
		if strings.Contains(terminal.Output(), "● live") {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}
