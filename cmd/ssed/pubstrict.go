package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/ssed/ssed/publish"
)

// publishStrictly publishes every line of in without waiting for each answer. It stops reading when
// a line is refused, and the error names that line. Later lines that were already sent may still be
// published; the error counts them.
func (c *pubCommand) publishStrictly(client *publish.Client, in io.Reader) error {
	ctx, refuse := context.WithCancelCause(context.Background())
	defer refuse(nil)

	// Replies arrive in the order of the lines, so the first refusal belongs to the line after the
	// published ones. Later refusals change nothing.
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
	case <-ctx.Done(): // do not wait for in, which may never get another line
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

// sendLines sends every line of in, without waiting for replies, until ctx is done. It returns the
// number of lines that it sent.
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
