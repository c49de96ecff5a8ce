package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// dialTimeout is how long the daemon may take to answer at all.
const dialTimeout = 10 * time.Second

type pubCommand struct {
	To    string  `placeholder:"URL" default:"${publish_url}" help:"The daemon's publish address: tcp://host:port or unix:///path. Default ${default}."`
	Token string  `placeholder:"TOKEN" help:"Token to publish with. Prefer the environment: other users of a machine can read command lines."`
	Event string  `placeholder:"NAME" help:"Name of the event; without one, browsers call it \"message\"."`
	Key   *string `env:"-" placeholder:"KEY" help:"Names the message, so that it can be sent again and is published once, as long as the daemon remembers the key. Only one with a store does (--store or --nats). At most 128 bytes without spaces."`

	Strict  bool `help:"Stop at the first line that the daemon refuses, and when the connection is lost. Default: a refused line is reported and skipped (exit code 1 at the end); a lost connection is made again, and lines without an answer are sent again. Only the first attempt to connect must succeed."`
	Verbose bool `short:"v" help:"Report every attempt to connect again on standard error, not only the first."`

	Namespace string  `arg:"" help:"Where to publish, such as /pets/dogs. It is heard there and above, at /pets and /."`
	Data      *string `arg:"" optional:"" help:"The message. Without it, every line of standard input is a message, published as soon as it is read. Put -- before data that begins with a dash."`
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

// Run publishes, and returns once the daemon has answered everything.
func (c *pubCommand) Run(stderr *logWriter) error {
	if c.Data == nil && !c.Strict {
		return c.publishFeed(os.Stdin, stderr)
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	client, err := publish.Dial(ctx, c.To, publish.WithToken(c.Token))
	if err != nil {
		return err
	}
	defer client.Close()

	if c.Data == nil {
		return c.publishStrictly(client, os.Stdin)
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
