package top

import (
	"context"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// retryInterval is how long a daemon that is gone has before it is asked again.
const retryInterval = time.Second

// Options say where a daemon is shown.
type Options struct {
	In    io.Reader // the keys
	Out   io.Writer // the terminal
	Color bool      // false: what stands out does so in black and white
}

// Run shows the daemon until the user quits or ctx ends, and restores the terminal.
// If the daemon does not answer or refuses, Run returns an error and leaves the
// terminal untouched. If the daemon goes away later, Run waits for it.
func Run(ctx context.Context, c *Client, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first, err := c.status(ctx, query{limit: connectionsShown})
	if err != nil {
		return err
	}
	return show(ctx, newModel(c, c.where, first, o.Color), o, func(send func(tea.Msg)) { follow(ctx, c, send) })
}

// show runs the model on the terminal until ctx ends, and beside it a function
// that sends it messages.
func show(ctx context.Context, m tea.Model, o Options, feed func(send func(tea.Msg))) error {
	program := tea.NewProgram(m, tea.WithInput(o.In), tea.WithOutput(unasked(o.Out)), tea.WithoutSignalHandler(),
		tea.WithColorProfile(colorprofile.ANSI)) // style decides about colors
	// With tea.WithContext, or after an interrupt that it sees itself, Bubble Tea
	// would close the terminal while it still reads from it.
	defer context.AfterFunc(ctx, program.Quit)()
	// As a command, so that a panic there restores the terminal, too.
	go program.Send(tea.BatchMsg{func() tea.Msg { feed(program.Send); return nil }})
	_, err := program.Run()
	return err
}

// follow sends the daemon's samples, and a lostMsg when they break off, until ctx
// ends.
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
