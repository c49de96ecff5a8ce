package top

import (
	"context"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// retryInterval is the time between attempts to reconnect.
const retryInterval = time.Second

// Options configure Run.
type Options struct {
	In    io.Reader // the keyboard
	Out   io.Writer // the terminal
	Color bool      // use colors; otherwise only bold, faint and reverse text
}

// Run shows the daemon until the user quits or ctx ends, and restores the terminal. If the daemon
// does not answer or refuses, Run returns an error and leaves the terminal untouched. If the daemon
// stops later, Run waits for it.
func Run(ctx context.Context, c *Client, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first, err := c.status(ctx, query{limit: connectionsShown})
	if err != nil {
		return err
	}
	return show(ctx, newModel(c, c.where, first, o.Color), o, func(send func(tea.Msg)) { follow(ctx, c, send) })
}

// show runs the model on the terminal until ctx ends. At the same time it runs feed, which sends
// messages to the model.
func show(ctx context.Context, m tea.Model, o Options, feed func(send func(tea.Msg))) error {
	program := tea.NewProgram(m, tea.WithInput(o.In), tea.WithOutput(unasked(o.Out)), tea.WithoutSignalHandler(),
		tea.WithColorProfile(colorprofile.ANSI)) // style decides about colors
	// With tea.WithContext, or after an interrupt that it sees itself, Bubble Tea
	// would close the terminal while it still reads from it.
	defer context.AfterFunc(ctx, program.Quit)()
	// feed runs as a command, so that Bubble Tea restores the terminal if it panics.
	go program.Send(tea.BatchMsg{func() tea.Msg { feed(program.Send); return nil }})
	_, err := program.Run()
	return err
}

// follow sends the daemon's samples to the model until ctx ends. When the stream of samples ends,
// it sends a lostMsg and reconnects.
func follow(ctx context.Context, c *Client, send func(tea.Msg)) {
	for {
		err := c.live(ctx, func(samples []sample, begin bool) { send(samplesMsg{samples, begin}) })
		if ctx.Err() != nil {
			return
		}
		send(lostMsg{err})
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
			return
		}
	}
}
