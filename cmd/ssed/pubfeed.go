package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/ssed/ssed/publish"
)

// A feed publishes lines until its input ends. It skips refused lines and reconnects when the
// connection is lost.
type feed struct {
	command *pubCommand
	client  *publish.RetryClient
	stderr  io.Writer // must not block: a feed continues and exits even if its reports have no reader
	end     context.CancelCauseFunc
	refused refusedReport

	linesRead, linesPublished, linesRefused atomic.Int64
}

// publishFeed publishes every line of in. It returns when every line is answered, a refusal shows
// that every line would be refused, or a signal arrives.
func (c *pubCommand) publishFeed(in io.Reader, stderr *logWriter) error {
	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	endOnSignal(end)
	f := &feed{command: c, end: end, stderr: stderr, refused: refusedReport{out: stderr}}

	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var err error
	f.client, err = publish.DialRetry(dialing, c.To, publish.RetryOptions{Token: c.Token, TLS: c.config, Lost: f.lost, Resent: f.resent})
	if err != nil {
		if code, ok := context.Cause(ctx).(exitCode); ok {
			return code
		}
		return atFirst(err, c.To)
	}
	return f.run(ctx, in)
}

// run publishes every line of in and waits for the answers. It stops early when the client has
// given up or ctx is done. Then it waits leaveTime for the answers to lines that were sent.
func (f *feed) run(ctx context.Context, in io.Reader) error {
	sent := make(chan error, 1)
	go func() { sent <- f.send(ctx, in) }()
	var err error
	select {
	case err = <-sent:
		if lost := f.client.Flush(ctx); lost != nil {
			err = lost
		}
	case <-f.client.Done():
		err = f.client.Flush(ctx)
	case <-ctx.Done(): // do not wait for in, which may never get another line
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil { // wait briefly for the answers to lines that were sent
		patience, cancel := context.WithTimeout(context.Background(), leaveTime)
		f.client.Flush(patience)
		cancel()
	}
	f.client.Close()
	f.refused.flush()
	return f.verdict(err)
}

// send publishes every line of in, without waiting for replies, until ctx is done.
func (f *feed) send(ctx context.Context, in io.Reader) error {
	input := newLineReader(in)
	for {
		line, err := input.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, errLineTooLong) {
			return fmt.Errorf("cannot read standard input: %w", err)
		}
		number := f.linesRead.Add(1)
		if err == nil {
			err = f.client.PublishAsync(ctx, f.command.message(line), func(_ uint64, err error) { f.answered(number, err) })
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if err != nil {
			f.answered(number, err)
		}
	}
}

// answered records the answer to one line. An error that concerns all lines ends the feed.
func (f *feed) answered(number int64, err error) {
	switch {
	case err == nil:
		f.linesPublished.Add(1)
	case !errors.Is(err, errLineTooLong) && isClosed(f.client.Done()):
		f.end(err) // the error concerns the connection, not this line
	case errors.Is(err, errLineTooLong) || !endsFeed(err):
		f.linesRefused.Add(1)
		f.refused.add(number, err)
	default:
		f.linesRefused.Add(1)
		f.end(atLine(number, err)) // only the first such error is kept
	}
}

// isClosed reports whether done is closed, without waiting.
func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// verdict returns the result of the command after the feed ended with err.
func (f *feed) verdict(err error) error {
	published, refused := f.linesPublished.Load(), f.linesRefused.Load()
	unknown := f.linesRead.Load() - published - refused
	said := fmt.Sprintf("lines published: %d", published)
	if refused > 0 {
		said += fmt.Sprintf(", refused: %d", refused)
	}
	if unknown > 0 {
		said += fmt.Sprintf(", not acknowledged: %d", unknown)
	}
	if code, ok := errors.AsType[exitCode](err); ok {
		if refused > 0 || unknown > 0 {
			fmt.Fprintf(f.stderr, "ssed: stopped by a signal (%s)\n", said)
		}
		return code
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w (%s)", err, said)
	case refused > 0:
		return fmt.Errorf("published %s, %d refused", count(published, "line"), refused)
	}
	return nil
}

// lost reports that the connection was lost, or that an attempt to reconnect failed.
func (f *feed) lost(l publish.Loss) {
	if f.command.Verbose || l.Failures <= 1 {
		fmt.Fprintf(f.stderr, "ssed: %s: %s\n", f.command.To, describeLoss(l.Err, l.Failures, l.Wait))
	}
}

// resent reports a new connection and the lines that are sent again.
func (f *feed) resent(r publish.Resent) {
	said := "reconnected"
	if r.Messages > 0 {
		said += fmt.Sprintf("; lines resent: %d", r.Messages)
	}
	if r.Doubtful > 0 {
		said += fmt.Sprintf(", %d of them may be duplicates (sent before, but not acknowledged)", r.Doubtful)
	}
	fmt.Fprintf(f.stderr, "ssed: %s: %s\n", f.command.To, said)
}
