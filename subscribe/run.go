package subscribe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"syscall"
	"time"

	"github.com/ssed/ssed/internal/backoff"
	"github.com/ssed/ssed/internal/certs"
	"github.com/ssed/ssed/sse"
)

const (
	// headTimeout limits the time until a response begins. ssed responds immediately.
	headTimeout = 30 * time.Second
	// handshakeTimeout limits a TLS handshake.
	handshakeTimeout = 10 * time.Second
)

// Options configure Run. All functions are optional. If Event, Raw or Pause returns an error, Run
// returns that error.
type Options struct {
	URL         string
	Token       string // sent as X-Authorization; empty for no token
	LastEventID string // Run requests the messages after this id; empty to start with new messages
	BytesMax    int    // the limit for one event; 0 means sse.DecoderBytesMax

	// TLS is the configuration for an https URL: CA certificates, a client certificate or another
	// name to verify. nil means that the system's CA certificates are trusted. The caller must not
	// change it while Run runs.
	TLS *tls.Config

	Event func(sse.Event) error // called with each event
	Raw   func([]byte) error    // called with the bytes of the body, after Event for the events in them
	Pause func() error          // called after each read, when all events and bytes were passed on, even if Event failed
	Head  func(*http.Response)  // called with the head of each response, including refusals
	Lost  func(Loss)            // called after a loss, before Run waits to reconnect
}

// A Loss is the end of a stream, or a failed attempt to connect.
type Loss struct {
	Err      error         // the reason
	Failures int           // failed attempts since the last event stream, including ErrTurnedAway; 0: the stream has just ended
	Wait     time.Duration // the time until the next attempt
	// Resumes reports whether the stream has ids, so that Run can resume it where it ended.
	// Otherwise the events that are sent before the stream is restored are missed.
	Resumes bool
}

// ErrEnded is the reason of a Loss if the server closed the connection.
var ErrEnded = errors.New("the server closed the stream")

// ErrTurnedAway is the reason of a Loss if the stream contained only a time to reconnect. ssed
// sends this because an EventSource does not reconnect after an error status.
var ErrTurnedAway = errors.New("the server is full, starting or stopping, and asks to try again later")

// turnedAway matches the whole body of a stream that ssed sends to a client that it turns away. An
// accepted stream has no empty line after its retry field.
var turnedAway = regexp.MustCompile(`^retry: ?[0-9]+\r?\n\r?\n$`)

// A client is the state of one Run.
type client struct {
	Options
	http     *http.Client
	retry    time.Duration
	id       string // the id of the last event
	failures int
	answered bool // a server has responded at least once
}

// Run reads a stream. When the connection is lost, and after a status of 500 or more, it waits and
// reconnects. It returns
//   - nil after status 204, which means that the client must not reconnect,
//   - a *Refusal if the server refuses the request,
//   - the error of a callback,
//   - an *sse.TooLongError if an event is too long,
//   - the error of ctx when it ends, and
//   - the connection error if no server responds at the first attempt, because the address is
//     probably wrong.
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
		TLSClientConfig:       o.TLS,
		TLSHandshakeTimeout:   handshakeTimeout,
		ForceAttemptHTTP2:     true, // even with a TLS configuration
		ResponseHeaderTimeout: headTimeout,
		DisableCompression:    true, // a compressor could delay an event until its block is full
	}
	defer transport.CloseIdleConnections()
	// Redirects are not followed, because the token would be sent to their target.
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

// A lostError is an error after which Run reconnects.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// connect requests the stream once and reads it to its end. It returns a *lostError if Run should
// reconnect.
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
			err = failed.Err // without the URL, which may contain a token
		}
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			err = errno // without the address, which the caller knows
		}
		if reason, ok := certs.Reason(err); ok {
			err = reason
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
	failures := c.failures
	c.failures = 0
	err = c.read(res.Body)
	if errors.Is(err, ErrTurnedAway) {
		c.failures = failures
	}
	return err
}

// read reads a stream to its end and passes on its events and bytes. It keeps the stream's last id
// and retry time for the next connection.
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
	var begun []byte // the beginning of the body, long enough for turnedAway
	for {
		n, lost := body.Read(buf)
		begun = append(begun, buf[:min(n, 64-len(begun))]...)
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
		case lost == io.EOF && turnedAway.Match(begun):
			return &lostError{ErrTurnedAway}
		case lost == io.EOF:
			return &lostError{ErrEnded}
		case lost != nil:
			return &lostError{lost}
		}
	}
}

// wait reports a loss and waits until the next attempt. After ErrTurnedAway it does not double the
// time, because the server has just asked for it.
func (c *client) wait(ctx context.Context, why error) error {
	doublings := c.failures
	if why == ErrTurnedAway {
		doublings = 0
	}
	pausing := backoff.Wait(c.retry, doublings)
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
