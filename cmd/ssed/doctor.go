package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/doctor"
	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/internal/reach"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// doctorEvent is the name of the events that "ssed doctor" publishes in a namespace below the
// watched one (doctorBelow). Pages that listen for events without a name ignore them.
const (
	doctorEvent = "ssed-doctor"
	doctorBelow = "/ssed-doctor"
)

type doctorCommand struct {
	Idle         time.Duration `placeholder:"DURATION" default:"60s" help:"How long to watch the stream, which may carry only heartbeats (every 15s by default). Choose a time that is longer than the idle timeouts of your proxy. Default ${default}."`
	Publish      string        `env:"SSED_DOCTOR_PUBLISH" placeholder:"URL" help:"Publish one event to the daemon at tcp://host:port, tls://host:port or unix:///path and measure its delay. Its namespace is ssed-doctor below the watched one, its event name ssed-doctor. Default: measure heartbeats, which is less certain."`
	Origin       string        `placeholder:"ORIGIN" help:"Check whether pages of this origin, such as https://example.org, may subscribe. Default: no check."`
	Token        string        `placeholder:"TOKEN" help:"Token to subscribe with; it is never printed. Prefer the environment variable: other users can read command lines. Default: none."`
	PublishToken string        `placeholder:"TOKEN" help:"Token for --publish. Default: the value of --token."`

	tlsFlags

	Where []string `arg:"" name:"where" help:"Stream to watch through the proxy: its complete URL, or the proxy's http://host:port or https://host:port and one or more namespaces."`
}

// Validate refuses arguments that cannot be a stream, and times that are out of range.
func (c *doctorCommand) Validate(ctx *kong.Context) error {
	switch {
	case strings.ContainsAny(c.Token+c.PublishToken, " ;"):
		return errors.New("--token: expected one token, without rights and namespace")
	case c.Idle < time.Second || c.Idle > 24*time.Hour:
		return fmt.Errorf("--idle: invalid value %v: must be from 1s to 24h", c.Idle)
	}
	s, err := newSubscription(c.Where, nil, "")
	if err != nil {
		return err
	}
	addresses, secure := s.String(), s.url.Scheme == "https"
	if c.Publish != "" {
		if len(s.namespaces) == 0 {
			return errors.New("--publish: the URL of the stream contains no namespace to publish to")
		}
		to, err := listen.ParseTarget(c.Publish)
		if err != nil {
			return publishURLError("publish", c.Publish, err)
		}
		addresses, secure = addresses+" and "+c.Publish, secure || to.Network == "tls"
	}
	return c.load(ctx, addresses, secure)
}

// Run watches the stream for --idle and prints the findings. The exit code is 1 if any of them is
// bad.
func (c *doctorCommand) Run(stdout *output) error {
	s, err := newSubscription(c.Where, nil, "")
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	endOnSignal(end)
	o := doctor.Options{URL: s.url.String(), Token: c.Token, Origin: c.Origin, Idle: c.Idle, TLS: c.config}
	if c.Publish != "" {
		o.Publish = func(ctx context.Context, data string) error { return c.publish(ctx, s, data) }
	}
	fmt.Fprintf(os.Stderr, "ssed: watching %v for %s\n", s, shortDuration(c.Idle))
	findings, err := doctor.Examine(ctx, o)
	switch code, ok := errors.AsType[exitCode](context.Cause(ctx)); {
	case ok:
		return code
	case err != nil:
		return err
	case printFindings(stdout, findings) > 0:
		return exitCode(exitFailure)
	}
	return nil
}

// shortDuration formats a duration without units that are zero: 1m instead of 1m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// publish publishes one event that the subscription s receives, and returns when the daemon has
// accepted it.
func (c *doctorCommand) publish(ctx context.Context, s subscription, data string) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	client, err := publish.Dial(ctx, c.Publish, publish.WithToken(cmp.Or(c.PublishToken, c.Token)), publish.WithTLS(c.config))
	if err != nil {
		return reach.Advise(err)
	}
	defer client.Close()
	namespace := strings.TrimSuffix(s.namespaces[0], "/") + doctorBelow
	_, err = client.Publish(ctx, sse.Message{Namespace: namespace, Event: doctorEvent, Data: []byte(data)})
	return err
}

// printFindings prints the findings and returns how many of them are bad.
func printFindings(w io.Writer, findings []doctor.Finding) (bad int) {
	for _, f := range findings {
		verdict := "ok"
		switch {
		case f.Bad:
			verdict = "BAD"
			bad++
		case f.Warning:
			verdict = "WARN"
		}
		fmt.Fprintf(w, "%-4s %-12s %s\n", verdict, f.Check, printable(f.Message))
		for _, line := range f.Fix {
			fmt.Fprintf(w, "     %-12s -> %s\n", "", printable(line))
		}
	}
	return bad
}
