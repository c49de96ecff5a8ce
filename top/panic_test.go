//go:build !race

// Bubble Tea has a data race after a panic: it closes the terminal while it still reads from it. So
// this test is not built with the race detector.

package top

import (
	"context"
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/ssed/ssed/internal/testtool"
)

// A faulty model panics in the methods whose flags are set.
type faulty struct {
	*model
	update, view, command bool
}

func (f *faulty) Init() tea.Cmd {
	if f.command {
		return func() tea.Msg { panic("in a command") }
	}
	return nil
}

func (f *faulty) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if f.update {
		panic("in Update")
	}
	f.model.Update(msg)
	return f, nil
}

func (f *faulty) View() tea.View {
	if f.view {
		panic("in View")
	}
	return f.model.View()
}

// TestPanicRestoresTheTerminal verifies that after a panic in any function, the error reports it,
// and the terminal has its previous mode and screen.
func TestPanicRestoresTheTerminal(t *testing.T) {
	for _, tt := range []struct {
		name  string
		where faulty
		feeds bool
	}{
		{"Update", faulty{update: true}, false},
		{"View", faulty{view: true}, false},
		{"a command", faulty{command: true}, false},
		{"the stream of samples", faulty{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			terminal := testtool.NewTerminal(t)
			before := terminal.Mode(t)
			tt.where.model, _ = start()
			ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
			defer cancel()
			err := show(ctx, &tt.where, Options{In: terminal.Side, Out: terminal.Side}, func(func(tea.Msg)) {
				if tt.feeds && appears(ctx, terminal) {
					panic("in the stream")
				}
			})
			if !errors.Is(err, tea.ErrProgramPanic) {
				t.Errorf("%v, want %v", err, tea.ErrProgramPanic)
			}
			if after := terminal.Mode(t); after != before {
				t.Errorf("the terminal's mode was %+v and is %+v", before, after)
			}
			said := terminal.Rest(t)
			if strings.LastIndex(said, "\x1b[?1049h") > strings.LastIndex(said, "\x1b[?1049l") || strings.LastIndex(said, "\x1b[?25l") > strings.LastIndex(said, "\x1b[?25h") {
				t.Errorf("the alternate screen or the hidden cursor remains: %q", said)
			}
		})
	}
}
