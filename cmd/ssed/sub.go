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

	"github.com/alecthomas/kong"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/reach"
	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/subscribe"
)

// leaveTime is how long "ssed sub" may take to exit after a signal. It may be blocked in a write to
// a pipe without a reader.
const leaveTime = time.Second

type subCommand struct {
	Token    string   `placeholder:"TOKEN" help:"Token to subscribe with; it is never printed. Prefer the environment variable: other users can read command lines. Default: none."`
	JSON     bool     `name:"json" xor:"form" help:"Print one JSON object per line, with time, type, subscription, id, event and data. The type is event, gap (messages are missing) or lost (a stream without ids was interrupted). Default: off."`
	Raw      bool     `xor:"form" help:"Print the bytes exactly as received, including comments. Default: off."`
	Verbose  bool     `short:"v" help:"Print the head of each response, and each lost connection, to standard error. Default: off."`
	Count    int      `placeholder:"N" default:"0" help:"Exit with code 0 after this many events; gap events do not count. Default 0: no limit."`
	Last     *int     `placeholder:"N" help:"Start with the newest N messages of the daemon's history. Default: only new messages."`
	Since    string   `placeholder:"DURATION|ID" help:"Start with the messages published within this time (30s, 5m), or after the message with this id. Default: only new messages."`
	EventMax byteSize `placeholder:"SIZE" default:"${event_max}" help:"Maximum size of one event; a larger event is an error, so that no server can fill the memory. Default ${default}."`
	GapEvent string   `placeholder:"NAME" default:"${gap_event}" help:"Name of the event that reports missing messages, as set by the daemon's --gap-event. Default ${default}."`

	tlsFlags

	Where []string `arg:"" name:"where" help:"One or more namespaces, such as /pets, of the daemon at ${subscribe_url}; put http://host:port or https://host:port before them for another daemon. Or the complete URL of any event stream."`
}

// Validate refuses arguments that cannot be a stream. It also refuses the value of the daemon's
// --token, which includes rights, because both commands read SSED_TOKEN.
func (c *subCommand) Validate(ctx *kong.Context) error {
	switch {
	case strings.ContainsAny(c.Token, " ;"):
		return errors.New("--token: expected one token, without rights and namespace")
	case c.Count < 0:
		return fmt.Errorf("--count: invalid value %d: must be 0 or more", c.Count)
	case c.Last != nil && *c.Last < 0:
		return fmt.Errorf("--last: invalid value %d: must be 0 or more", *c.Last)
	case c.Last != nil && c.Since != "":
		return errors.New("--last and --since cannot be used together")
	case c.EventMax < 1:
		return errors.New("--event-max: must be 1 byte or more")
	}
	s, err := newSubscription(c.Where, c.Last, c.Since)
	if err != nil {
		return err
	}
	return c.load(ctx, s.String(), s.url.Scheme == "https")
}

// errEnough stops a subscription that has received --count events.
var errEnough = errors.New("received all requested events")

// Run shows events until --count is reached, the server ends the stream permanently, the reader of
// standard output closes it, or a signal arrives.
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
	if code, ok := errors.AsType[exitCode](context.Cause(ctx)); ok {
		return code
	}
	if errors.Is(stdout.failure(), syscall.EPIPE) {
		return exitCode(0) // as in endWithReader
	}
	return c.verdict(s, err)
}

// verdict returns the error to show to the user when a subscription ended with err.
func (c *subCommand) verdict(s subscription, err error) error {
	refused, wasRefused := errors.AsType[*subscribe.Refusal](err)
	_, tooLong := errors.AsType[*sse.TooLongError](err)
	switch {
	case err == nil:
		fmt.Fprintf(os.Stderr, "ssed: %v: the server ended the stream (204 No Content)\n", s)
		return nil
	case errors.Is(err, errEnough):
		return nil
	case wasRefused && refused.Status == http.StatusUnauthorized && c.Token == "" && !s.url.Query().Has("token"):
		return fmt.Errorf("%v: %s; set a token with --token or SSED_TOKEN", s, printable(err.Error()))
	case tooLong:
		return fmt.Errorf("%v: %w (--event-max)", s, err)
	}
	return fmt.Errorf("%v: %s", s, printable(atFirst(reach.Reason(err), s.url.String()).Error()))
}

// options returns the options of subscribe.Run for this command. Output is collected in memory, and
// written when everything that arrived together has been formatted.
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
		TLS:         c.config,
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
				view.lost(time.Now(), l.Err.Error())
				flush() // endWithReader notices a reader that closed standard output
			}
			// Without -v, only the first failed attempt to reconnect is reported.
			if c.Verbose || l.Failures == 1 {
				fmt.Fprintf(os.Stderr, "ssed: %v: %s\n", s, describeLoss(l.Err, l.Failures, l.Wait))
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

// printHead prints the head of a response, as curl -v does. It adds the two fields that net/http
// removes from the header.
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

// endOnSignal calls end with the exit code that shells use for a process that was ended by a
// signal: 128 and the number of the signal.
func endOnSignal(end context.CancelCauseFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		end(exitCode(128 + int((<-signals).(syscall.Signal))))
		signal.Stop(signals) // so that a second signal ends the process immediately
	}()
}

// endWithReader calls end with exit code 0 as soon as the reader of fd has closed it or its
// terminal has hung up. It notices this even if there is nothing to write, as in "ssed sub /pets |
// head -1".
func endWithReader(end context.CancelCauseFunc, fd int) {
	for {
		watched := []unix.PollFd{{Fd: int32(fd)}} // poll always reports errors and hang-ups
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
