package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/ssed/ssed/publish"
)

// publishStrictly publishes every line of in, with many on their way at once. It
// reads no further once a line is refused, and the error names that line. Later lines
// that were on their way may be published all the same, and are counted.
func (c *pubCommand) publishStrictly(client *publish.Client, in io.Reader) error {
	ctx, refuse := context.WithCancelCause(context.Background())
	defer refuse(nil)

	// Replies come in the order of the lines, so the first refusal belongs to
	// the line after those published. Later refusals change nothing.
	var published atomic.Int64
	replied := func(_ uint64, err error) {
		if err != nil {
			refuse(atLine(published.Load()+1, err))
			return
		}
		published.Add(1)
	}

	type outcome struct {
		lines int64
		err   error
	}
	sent := make(chan outcome, 1)
	go func() {
		lines, err := c.sendLines(ctx, client, in, replied)
		sent <- outcome{lines, err}
	}()
	var all outcome
	select {
	case all = <-sent:
	case <-ctx.Done(): // in may never get another line: do not wait for it
	}

	lost := client.Ping(context.Background()) // waits for all replies
	switch refused := context.Cause(ctx); {
	case refused != nil:
		all.err = refused
	case lost != nil && published.Load() < all.lines:
		all.err = atLine(published.Load()+1, lost)
	}
	if all.err != nil {
		return fmt.Errorf("%w (lines published: %d)", all.err, published.Load())
	}
	return nil
}

// sendLines sends every line of in, without waiting for replies, until ctx ends.
// It returns how many it sent.
func (c *pubCommand) sendLines(ctx context.Context, client *publish.Client, in io.Reader, replied func(uint64, error)) (lines int64, err error) {
	input := newLineReader(in)
	for {
		line, err := input.next()
		switch {
		case errors.Is(err, io.EOF):
			return lines, nil
		case errors.Is(err, errLineTooLong):
			return lines, atLine(lines+1, err)
		case err != nil:
			return lines, fmt.Errorf("cannot read standard input: %w", err)
		}
		if err := client.PublishAsync(ctx, c.message(line), replied); err != nil {
			return lines, atLine(lines+1, err)
		}
		lines++
	}
}

func atLine(number int64, err error) error {
	return fmt.Errorf("line %d: %w", number, err)
}
