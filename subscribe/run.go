package subscribe

import (
	"context"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/ssed/ssed/internal/backoff"
	"github.com/ssed/ssed/sse"
)

// headTimeout is how long a server may take to begin its answer. ssed does so at once.
const headTimeout = 30 * time.Second

// Options tell Run what to read, and whom to tell. An error of Event, Raw or Pause
// ends Run.
type Options struct {
	URL         string
	Token       string // empty for none
	LastEventID string // what came behind this message is asked for; empty for none
	BytesMax    int    // of one event; 0 is sse.DecoderBytesMax

	Event func(sse.Event) error // nil, or gets each event
	Raw   func([]byte) error    // nil, or gets the body as it comes, behind its events
	Pause func() error          // nil, or is called when all that came at once was given, also where an error ends it
	Head  func(*http.Response)  // nil, or gets the head of each answer, also of a refusal
	Lost  func(Loss)            // nil, or is told before Run waits to try again
}

// A Loss is a stream that has ended, or did not come to be.
type Loss struct {
	Err      error         // why
	Failures int           // tries without an event stream since there was one; 0: it has just broken
	Wait     time.Duration // until the next try
	// Resumes tells that the stream has ids, and so goes on where it broke. Without,
	// what is sent until it is back is missed.
	Resumes bool
}

// ErrEnded is how a stream ends when the server closes the connection.
var ErrEnded = errors.New("the server has ended the stream")

// A client is one Run.
type client struct {
	Options
	http     *http.Client
	retry    time.Duration
	id       string // the last one
	failures int
	answered bool // a server was there, at some time
}

// Run reads the stream until the server says that there is no more (status 204: it
// returns nil), refuses (a *Refusal), a callback returns an error, an event is too
// long (an *sse.TooLongError), or ctx ends. A connection that breaks and a status of
// 500 or more make it wait and try again. It ends, too, if nobody answers
// at the first try: the address is wrong then, rather than the time.
func Run(ctx context.Context, o Options) error {
	if _, err := http.NewRequest(http.MethodGet, o.URL, nil); err != nil {
		return err
	}
	if o.Event == nil {
		o.Event = func(sse.Event) error { return nil }
	}
	c := &client{Options: o, retry: backoff.Default, id: o.LastEventID}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ResponseHeaderTimeout: headTimeout,
		DisableCompression:    true, // an event must not wait for a block of a compressor
	}
	defer transport.CloseIdleConnections()
	// A redirect could lead elsewhere, and would take the token along.
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for {
		err := c.connect(ctx)
		switch lost, ok := errors.AsType[*lostError](err); {
		case ctx.Err() != nil:
			return ctx.Err()
		case !ok:
			return err
		case !c.answered:
			return lost.err
		default:
			if err := c.wait(ctx, lost.err); err != nil {
				return err
			}
		}
	}
}

// A lostError is one after which it is worth trying again.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }

// connect asks for the stream once, and reads it to its end.
func (c *client) connect(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Cache-Control", "no-cache")
	req.Header.Set("User-Agent", "ssed-sub")
	if c.id != "" {
		req.Header.Set("Last-Event-ID", c.id)
	}
	if c.Token != "" {
		req.Header.Set("X-Authorization", c.Token)
	}
	c.failures++
	res, err := c.http.Do(req)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // without the URL, which may hold a token
		}
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			err = errno // without the address, which the caller knows
		}
		return &lostError{err}
	}
	defer res.Body.Close()
	c.answered = true
	if c.Head != nil {
		c.Head(res)
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case res.StatusCode == http.StatusNoContent:
		return nil
	case res.StatusCode >= http.StatusInternalServerError:
		return &lostError{refused(res)}
	case res.StatusCode != http.StatusOK || media != "text/event-stream":
		return refused(res)
	}
	c.failures = 0
	return c.read(res.Body)
}

// read gives what comes. Once it has ended, id and retry are what it said last.
func (c *client) read(body io.Reader) error {
	decoder := sse.Decoder{BytesMax: c.BytesMax}
	decoder.ResumeFrom(c.id)
	defer func() {
		c.id = decoder.LastEventID()
		if milliseconds, ok := decoder.Retry(); ok {
			c.retry = time.Duration(min(milliseconds, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, lost := body.Read(buf)
		read, err := decoder.Feed(buf[:n], c.Event)
		if c.Raw != nil && read > 0 {
			if err := c.Raw(buf[:read]); err != nil {
				return err
			}
		}
		if c.Pause != nil {
			if paused := c.Pause(); err == nil {
				err = paused
			}
		}
		switch {
		case err != nil:
			return err
		case lost == io.EOF:
			return &lostError{ErrEnded}
		case lost != nil:
			return &lostError{lost}
		}
	}
}

// wait lets the time until the next try pass.
func (c *client) wait(ctx context.Context, why error) error {
	pausing := backoff.Wait(c.retry, c.failures)
	if c.Lost != nil {
		c.Lost(Loss{Err: why, Failures: c.failures, Wait: pausing, Resumes: c.id != ""})
	}
	timer := time.NewTimer(pausing)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
