package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// lineBytesMax bounds what one line of standard input may take of this process's
// memory. It is far above what a daemon usually accepts: the daemon's own limit
// (--data-max) is the one that people meet, and its refusal names it.
const lineBytesMax = 64 << 20

// dialTimeout is how long the daemon may take to answer at all.
const dialTimeout = 10 * time.Second

type pubCommand struct {
	To    string  `placeholder:"URL" default:"${publish_url}" help:"The daemon's publish address: tcp://host:port or unix:///path. Default ${default}."`
	Token string  `placeholder:"TOKEN" help:"Token to publish with. Prefer the environment: other users of a machine can read command lines."`
	Event string  `placeholder:"NAME" help:"Name of the event; without one, browsers call it \"message\"."`
	Key   *string `env:"-" placeholder:"KEY" help:"Names the message, so that it can be sent again and is published once, as long as the daemon remembers the key. Only one with a store does (--store or --nats). At most 128 bytes without spaces."`

	Namespace string  `arg:"" help:"Where to publish, such as /pets/dogs. It is heard there and above, at /pets and /."`
	Data      *string `arg:"" optional:"" help:"The message. Without it every line of standard input is one, published as soon as it is there. Put -- before data that begins with a dash."`
}

// Validate catches the token of a daemon's --token, rights and all: both
// commands read SSED_TOKEN. It also keeps a key from being that of every line: the
// daemon would publish the first and drop the others. (That is why there is no
// variable for it either: one that is left over would do the same to a script.)
func (c *pubCommand) Validate() error {
	if strings.ContainsAny(c.Token, " ;") {
		return errors.New("--token: give one token alone, without rights and namespace")
	}
	if c.Key == nil {
		return nil
	}
	if err := sse.CheckKey(*c.Key); err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	if c.Data == nil {
		return errors.New("--key: a key names one message: give that as an argument; lines of standard input have none")
	}
	return nil
}

// Run publishes, and returns once the daemon has accepted everything.
func (c *pubCommand) Run() error {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	client, err := publish.Dial(ctx, c.To, publish.WithToken(c.Token))
	if err != nil {
		return err
	}
	defer client.Close()

	if c.Data == nil {
		return c.publishLines(client, os.Stdin)
	}
	if _, err := client.Publish(context.Background(), c.message([]byte(*c.Data))); err != nil {
		return fmt.Errorf("cannot publish: %w", err)
	}
	return nil
}

func (c *pubCommand) message(data []byte) sse.Message {
	m := sse.Message{Namespace: c.Namespace, Event: c.Event, Data: data}
	if c.Key != nil {
		m.Key = *c.Key
	}
	return m
}

// publishLines publishes every line of in, with many on their way at once. It
// reads no further once a line is refused, and the error names that line. Those
// on their way behind it may be published all the same, and are counted.
func (c *pubCommand) publishLines(client *publish.Client, in io.Reader) error {
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
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, lineBytesMax)
	for scanner.Scan() {
		if err := client.PublishAsync(ctx, c.message(scanner.Bytes()), replied); err != nil {
			return lines, atLine(lines+1, err)
		}
		lines++
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return lines, atLine(lines+1, fmt.Errorf("longer than %v: is it text?", byteSize(lineBytesMax)))
	case err != nil:
		return lines, fmt.Errorf("cannot read standard input: %w", err)
	}
	return lines, nil
}

func atLine(number int64, err error) error {
	return fmt.Errorf("line %d: %w", number, err)
}
