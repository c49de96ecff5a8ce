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

	"github.com/ssed/ssed/doctor"
	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// doctorEvent is the name of what "ssed doctor" publishes, below the namespace that it
// looks at: pages that listen for messages without a name do not see it.
const (
	doctorEvent = "ssed-doctor"
	doctorBelow = "/ssed-doctor"
)

type doctorCommand struct {
	Idle         time.Duration `placeholder:"DURATION" default:"60s" help:"How long to watch. A stream has to live through it, with no more than the daemon's heartbeats (15s, unless told otherwise), so let it be longer than your proxy's time-outs. Default ${default}."`
	Publish      string        `env:"SSED_DOCTOR_PUBLISH" placeholder:"URL" help:"Publish one event, to the daemon at tcp://host:port or unix:///path, and measure how long it takes. It goes to ssed-doctor below the namespace, with the event name ssed-doctor. Default: heartbeats tell, with less certainty."`
	Origin       string        `placeholder:"ORIGIN" help:"Look whether pages of this origin, such as https://example.org, may subscribe."`
	Token        string        `placeholder:"TOKEN" help:"Token to subscribe with. Prefer the environment: other users of a machine can read command lines. It is never shown."`
	PublishToken string        `placeholder:"TOKEN" help:"Token for --publish. Default: that of --token."`

	Where []string `arg:"" name:"where" help:"What to subscribe to, through the proxy: the whole URL of a stream, or the proxy's http://host:port and namespaces."`
}

// Validate catches what cannot be looked at.
func (c *doctorCommand) Validate() error {
	switch {
	case strings.ContainsAny(c.Token+c.PublishToken, " ;"):
		return errors.New("--token: give one token alone, without rights and namespace")
	case c.Idle < time.Second || c.Idle > 24*time.Hour:
		return errors.New("--idle: must be from 1s to 24h")
	}
	s, err := newSubscription(c.Where, -1, "")
	if err == nil && c.Publish != "" {
		if len(s.namespaces) == 0 {
			return errors.New("--publish: the URL does not tell a namespace of ssed to publish to")
		}
		_, err = listen.ParseEndpoint(c.Publish)
	}
	return err
}

// Run looks for as long as --idle says, and tells what it found. With something bad in
// it the exit code is 1.
func (c *doctorCommand) Run(stdout *output) error {
	s, err := newSubscription(c.Where, -1, "")
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	endOnSignal(end)
	o := doctor.Options{URL: s.url.String(), Token: c.Token, Origin: c.Origin, Idle: c.Idle}
	if c.Publish != "" {
		o.Publish = func(ctx context.Context, data string) error { return c.publish(ctx, s, data) }
	}
	fmt.Fprintf(os.Stderr, "ssed: watching %v for %v\n", s, c.Idle)
	findings, err := doctor.Examine(ctx, o)
	switch told, ok := errors.AsType[exitCode](context.Cause(ctx)); {
	case ok:
		return told
	case err != nil:
		return err
	case printFindings(stdout, findings) > 0:
		return exitCode(exitFailure)
	}
	return nil
}

// publish publishes one event to where s hears it, and returns once it was accepted.
func (c *doctorCommand) publish(ctx context.Context, s subscription, data string) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	client, err := publish.Dial(ctx, c.Publish, publish.WithToken(cmp.Or(c.PublishToken, c.Token)))
	if err != nil {
		return err
	}
	defer client.Close()
	namespace := strings.TrimSuffix(s.namespaces[0], "/") + doctorBelow
	_, err = client.Publish(ctx, sse.Message{Namespace: namespace, Event: doctorEvent, Data: []byte(data)})
	return err
}

// printFindings returns how many of them are bad.
func printFindings(w io.Writer, findings []doctor.Finding) (bad int) {
	for _, f := range findings {
		verdict := "ok"
		if f.Bad {
			verdict = "BAD"
			bad++
		}
		fmt.Fprintf(w, "%-4s %-12s %s\n", verdict, f.What, printable(f.Says))
		for _, line := range f.Mend {
			fmt.Fprintf(w, "     %-12s -> %s\n", "", printable(line))
		}
	}
	return bad
}
