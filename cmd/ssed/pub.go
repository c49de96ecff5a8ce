package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/internal/reach"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// dialTimeout limits how long the daemon may take to answer the first time.
const dialTimeout = 10 * time.Second

type pubCommand struct {
	To    string  `placeholder:"URL" default:"${publish_url}" help:"Publish address of the daemon: tcp://host:port, tls://host:port or unix:///path. Default ${default}."`
	Token string  `placeholder:"TOKEN" help:"Token to publish with. Prefer the environment variable: other users can read command lines. Default: none."`
	Event string  `placeholder:"NAME" help:"Name of the event. Default: none; browsers then dispatch it as \"message\"."`
	Key   *string `env:"-" placeholder:"KEY" help:"Key of the message, at most 128 bytes without spaces. A daemon with a store (--store or --nats) ignores a message if it remembers its key, so a message with a key can be sent again safely. Default: none."`

	Strict  bool `help:"Stop at the first refused line, and when the connection is lost. Default: report and skip refused lines (exit code 1 at the end), reconnect, and resend lines without an answer; only the first attempt to connect must succeed."`
	Verbose bool `short:"v" help:"Report every failed attempt to reconnect on standard error, not only the first. Default: off."`

	tlsFlags

	Namespace string  `arg:"" help:"Where to publish, such as /pets/dogs. Subscribers of /pets/dogs, /pets and / receive the message."`
	Data      *string `arg:"" optional:"" help:"The message. Without it, every line of standard input is published as soon as it is read. Put -- before data that begins with a dash."`
}

// publishURLError returns the error for an invalid value of a flag that is the address for
// publishers.
func publishURLError(flag, url string, err error) error {
	if strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://") {
		return fmt.Errorf("--%s: %w; publishers use port 8002 by default", flag, err)
	}
	return fmt.Errorf("--%s: %w", flag, err)
}

// Validate refuses arguments with which every line would be refused, and the value of the daemon's
// --token, which includes rights, because both commands read SSED_TOKEN. It also refuses a key
// without a message: with the same key on every line of standard input, the daemon would publish
// the first line and drop the others. For the same reason --key has no environment variable: one
// left over from another command would drop the messages of a script.
func (c *pubCommand) Validate(ctx *kong.Context) error {
	if strings.ContainsAny(c.Token, " ;") {
		return errors.New("--token: expected one token, without rights and namespace")
	}
	to, err := listen.ParseTarget(c.To)
	if err != nil {
		return publishURLError("to", c.To, err)
	}
	if err := c.load(ctx, c.To, to.Network == "tls"); err != nil {
		return err
	}
	if c.Namespace == "" { // kong calls Validate before it reports a missing argument
		return errors.New("a namespace is missing: ssed pub /pets/dogs Corgi")
	}
	if !strings.HasPrefix(c.Namespace, "/") {
		return fmt.Errorf(`%q: a namespace must start with "/"`, c.Namespace)
	}
	if _, err := nsindex.Canonical(c.Namespace); err != nil {
		return err
	}
	if err := checkEvent(c.Event); err != nil {
		return fmt.Errorf("--event: %w", err)
	}
	if c.Key == nil {
		return nil
	}
	if err := sse.CheckKey(*c.Key); err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	if c.Data == nil {
		return errors.New("--key: a key is for one message; give the message as an argument instead of on standard input")
	}
	return nil
}

// checkEvent refuses names of events that package publish cannot send.
func checkEvent(name string) error {
	if name == "-" || strings.Contains(name, " ") {
		return fmt.Errorf("invalid name %q: expected a name without spaces, and not a dash alone", name)
	}
	return sse.CheckEvent(name)
}

// Run publishes, and returns after the daemon has answered every line.
func (c *pubCommand) Run(stderr *logWriter) error { return c.explain(c.run(stderr)) }

// explain returns the error to show to the user. A refused token gets the address, because each
// daemon has its own tokens. Words of the protocol become the flags of this command.
func (c *pubCommand) explain(err error) error {
	reply, ok := errors.AsType[*publish.ReplyError](err)
	if _, signaled := errors.AsType[exitCode](err); err == nil || signaled {
		return err
	}
	text := reach.Advise(err).Error()
	switch {
	case ok && reply.Code == publish.CodeAuth:
		prefix := "cannot publish to " + c.To + ": "
		text = prefix + strings.TrimPrefix(strings.TrimPrefix(text, prefix), "cannot publish: ")
		if c.Token == "" {
			text = strings.Replace(text, ": send AUTH <token> first", "; set a token with SSED_TOKEN or --token", 1)
		}
	case ok && c.Key != nil:
		text = strings.Replace(text, "or publish without KEY", "or publish without --key", 1)
	}
	return errors.New(text)
}

// run implements Run, with unchanged errors.
func (c *pubCommand) run(stderr *logWriter) error {
	if c.Data == nil && !c.Strict {
		return c.publishFeed(os.Stdin, stderr)
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	client, err := publish.Dial(ctx, c.To, publish.WithToken(c.Token), publish.WithTLS(c.config))
	if err != nil {
		return atFirst(err, c.To)
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
