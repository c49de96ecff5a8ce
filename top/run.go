package top

import (
	"context"
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// retryInterval is how long a daemon that is gone has before it is asked again.
const retryInterval = time.Second

// Options say where a daemon is shown.
type Options struct {
	In    io.Reader // the keys
	Out   io.Writer // the terminal
	Color bool      // false: what stands out does so in black and white
}

// Run shows the daemon until q is hit or ctx ends. It returns an error, and has
// not touched the terminal then, if the daemon is not there or refuses; one that
// goes away later is waited for.
func Run(ctx context.Context, c *Client, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first, err := c.status(ctx, query{limit: connectionsShown})
	if err != nil {
		return err
	}
	program := tea.NewProgram(newModel(c, c.where, first, o.Color),
		tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithAltScreen(), tea.WithoutSignalHandler())
	// A context of its own, or an interrupt that it sees itself, would have it close
	// the terminal while it still reads from there.
	defer context.AfterFunc(ctx, program.Quit)()
	go follow(ctx, c, program.Send)
	_, err = program.Run()
	return err
}

// follow sends the daemon's samples on, and says when they break off, until ctx
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
