package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/subscribe"
)

// leaveTime is how long "ssed sub" may take to end once it was told to: it may hang
// in writing to a pipe that nobody reads.
const leaveTime = time.Second

type subCommand struct {
	Token    string   `placeholder:"TOKEN" help:"Token to subscribe with. Prefer the environment: other users of a machine can read command lines. It is never shown."`
	JSON     bool     `name:"json" xor:"form" help:"One JSON object a line, for scripts: time, type (event; gap, of messages that are missing; lost, where a stream without ids broke), subscription, id, event, data."`
	Raw      bool     `xor:"form" help:"The bytes as they come, comments and all, to see what is really sent."`
	Verbose  bool     `short:"v" help:"Tell on standard error the head of each answer, and each time that the connection is lost."`
	Count    int      `placeholder:"N" default:"0" help:"End after so many events, those that tell of a gap not counted, with exit code 0. Default: go on."`
	Last     int      `placeholder:"N" default:"-1" help:"Begin with the newest N messages that the daemon's --history has. Default: with what comes."`
	Since    string   `placeholder:"DURATION|ID" help:"Begin with what was published for so long (such as 30s or 5m), or behind the message with this id."`
	EventMax byteSize `placeholder:"SIZE" default:"${event_max}" help:"Most bytes of one event; one that has more ends this, so that no server fills the memory. Default ${default}."`
	GapEvent string   `placeholder:"NAME" default:"${gap_event}" help:"Name of the event that tells of messages that are missing, if the daemon has another --gap-event. Default ${default}."`

	Where []string `arg:"" name:"where" help:"A namespace, such as /pets, or several: of the daemon at ${subscribe_url}, or at the http://host:port that comes before them. Or the whole URL of any event stream, alone."`
}

// Validate catches what cannot be a stream, and the token of a daemon's --token,
// rights and all: both commands read SSED_TOKEN.
func (c *subCommand) Validate() error {
	switch {
	case strings.ContainsAny(c.Token, " ;"):
		return errors.New("--token: give one token alone, without rights and namespace")
	case c.Count < 0:
		return errors.New("--count: must be 1 or more events, or 0 for no end")
	case c.Last < -1:
		return errors.New("--last: must be 0 or more messages")
	case c.EventMax < 1:
		return errors.New("--event-max: must be 1 byte or more")
	}
	_, err := newSubscription(c.Where, c.Last, c.Since)
	return err
}

// errEnough ends a subscription that got its --count.
var errEnough = errors.New("all events that were asked for are there")

// Run shows events until there are enough of them, the server ends it for good, the
// reader of standard output has gone, or a signal comes.
func (c *subCommand) Run(stdout *output) error {
	s, err := newSubscription(c.Where, c.Last, c.Since)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	endOnSignal(end)
	go endWithReader(end, syscall.Stdout)

	ended := make(chan error, 1)
	go func() { ended <- subscribe.Run(ctx, c.options(s, stdout)) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		select {
		case err = <-ended:
		case <-time.After(leaveTime):
		}
	}
	if told, ok := errors.AsType[exitCode](context.Cause(ctx)); ok {
		return told
	}
	if errors.Is(stdout.failure(), syscall.EPIPE) {
		return exitCode(0) // like endWithReader
	}
	return c.verdict(s, err)
}

// verdict makes of what ended a subscription what a user is told.
func (c *subCommand) verdict(s subscription, err error) error {
	refused, wasRefused := errors.AsType[*subscribe.Refusal](err)
	_, tooLong := errors.AsType[*sse.TooLongError](err)
	switch {
	case err == nil:
		fmt.Fprintf(os.Stderr, "ssed: %v: the server says that there is no more (204)\n", s)
		return nil
	case errors.Is(err, errEnough):
		return nil
	case wasRefused && refused.Status == http.StatusUnauthorized && c.Token == "" && !s.url.Query().Has("token"):
		return fmt.Errorf("%v: %s; give a token with --token or SSED_TOKEN", s, printable(err.Error()))
	case tooLong:
		return fmt.Errorf("%v: %w (--event-max)", s, err)
	}
	return fmt.Errorf("%v: %s", s, printable(err.Error()))
}

// options are what subscribe.Run does for this command. What is shown gathers in
// memory and is written when all that came at once is there.
func (c *subCommand) options(s subscription, stdout *output) subscribe.Options {
	out := &bytes.Buffer{}
	view, seen := c.view(out, s), 0
	flush := func() error {
		_, err := out.WriteTo(stdout)
		return err
	}
	o := subscribe.Options{
		URL:         s.url.String(),
		Token:       c.Token,
		LastEventID: s.lastEventID,
		BytesMax:    int(c.EventMax),
		Pause:       flush,
		Event: func(e sse.Event) error {
			now := time.Now()
			if g, ok := readGap(e, c.GapEvent); ok {
				view.gap(now, e, g)
				return nil
			}
			view.event(now, e)
			if seen++; seen == c.Count {
				return errEnough
			}
			return nil
		},
		Lost: func(l subscribe.Loss) {
			if l.Failures == 0 && !l.Resumes {
				view.hole(time.Now(), l.Err.Error())
				flush() // a reader who has gone is seen elsewhere
			}
			// Without -v, the first try to come back that fails is told.
			if c.Verbose || l.Failures == 1 {
				fmt.Fprintf(os.Stderr, "ssed: %v: %s\n", s, lostWords(l.Err, l.Failures, l.Wait))
			}
		},
	}
	if c.Raw {
		o.Raw = func(b []byte) error {
			out.Write(b)
			return nil
		}
	}
	if c.Verbose {
		o.Head = func(res *http.Response) { printHead(os.Stderr, res) }
	}
	return o
}

func (c *subCommand) view(out *bytes.Buffer, s subscription) subView {
	switch {
	case c.JSON:
		return &jsonView{out, s.namespaces}
	case c.Raw:
		return rawView{}
	}
	color := isScreen(os.Stdout) && os.Getenv("NO_COLOR") == "" // no-color.org
	return &textView{out, s.namespaces, color}
}

// printHead shows the head of an answer, as curl -v does, with the two fields that
// net/http takes for itself.
func printHead(w io.Writer, res *http.Response) {
	var head bytes.Buffer
	fields := res.Header.Clone()
	if res.Close {
		fields.Set("Connection", "close")
	}
	if len(res.TransferEncoding) > 0 {
		fields.Set("Transfer-Encoding", strings.Join(res.TransferEncoding, ", "))
	}
	fields.Write(&head)
	fmt.Fprintf(w, "< %s %s\n", res.Proto, printable(res.Status))
	for line := range strings.Lines(head.String()) {
		fmt.Fprintf(w, "< %s\n", printable(strings.TrimRight(line, "\r\n")))
	}
}

// endOnSignal ends with the exit code that shells give a process which a signal ended.
func endOnSignal(end context.CancelCauseFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		end(exitCode(128 + int((<-signals).(syscall.Signal))))
		signal.Stop(signals) // the next one has its default effect
	}()
}

// endWithReader calls end for a quiet end, with exit code 0, once the reader of fd is
// gone or its terminal hung up, also while there is nothing to write: "ssed sub /pets |
// head -1".
func endWithReader(end context.CancelCauseFunc, fd int) {
	for {
		watched := []unix.PollFd{{Fd: int32(fd)}} // errors and hang-ups are always told
		n, err := unix.Poll(watched, -1)
		if n > 0 {
			end(exitCode(0))
			return
		}
		if err != nil && err != unix.EINTR {
			return
		}
	}
}
