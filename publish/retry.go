package publish

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/internal/backoff"
	"github.com/ssed/ssed/internal/certs"
	"github.com/ssed/ssed/sse"
)

// RetryOptions configure a RetryClient. It calls the functions one after the other, and waits for
// them to return.
type RetryOptions struct {
	Token string      // sent with AUTH; empty for no AUTH
	TLS   *tls.Config // for a URL that begins with "tls://", as described for WithTLS; nil for the defaults

	Lost   func(Loss)   // optional; called before the client waits for its next attempt to connect
	Resent func(Resent) // optional; called once the server accepts messages again
}

// A Loss is a connection that was lost, or a failed attempt to reconnect.
type Loss struct {
	Err      error         // the reason; a *ReplyError with CodeBusy if the server cannot accept messages now
	Failures int           // failed attempts since the server last accepted a message; 0: the connection was just lost
	Wait     time.Duration // the time until the next attempt
}

// A Resent counts the messages that were sent again after a Loss.
type Resent struct {
	Messages int // messages that were sent again because they had no reply
	// Doubtful counts the messages among them that may be published twice: they were sent before,
	// and no key allows the server to recognize them.
	Doubtful int
}

const (
	// attemptTimeout limits the duration of one attempt to connect.
	attemptTimeout = 10 * time.Second
	// unansweredBytesMax limits the bytes of the messages that a RetryClient keeps to send them
	// again. The last message may exceed the limit.
	unansweredBytesMax = 4 << 20
	// unansweredMax limits the number of messages in flight to the number of commands that a Client
	// allows. The replies to the messages' KEYs come on top.
	unansweredMax = awaitedMax
	// keyTime is how long after sending a message its key still protects it. A server remembers
	// keys for two minutes by default; the rest is time for the repeated message to arrive.
	keyTime = 110 * time.Second
)

// A RetryClient publishes messages in order and survives restarts of the server. When the
// connection is lost, it reconnects, waiting longer after each failed attempt, and sends the
// messages without a reply again. It does the same when the server is busy. Many goroutines may use
// it concurrently.
//
// No message is lost while the client exists. If the server has a store, the client sends each
// message with a key: the message's own, or a key that the client generates. So a server with a
// store publishes no message twice, provided that the client can resend it within the two minutes
// for which the store remembers keys. After a longer outage, and on a server without a store, a
// message whose reply was lost may be published twice; Resent counts these messages.
//
// Messages are published in the order of the calls, with one exception: a message that a server
// with a store refused as busy may be published after later messages that the server accepted.
type RetryClient struct {
	opts    RetryOptions
	connect func(context.Context) (*Client, error)
	name    string          // the unique prefix of the keys that this client generates
	context context.Context // ends when the client accepts no more messages
	cancel  context.CancelFunc
	began   time.Time
	open    atomic.Int64 // messages whose then has not returned yet

	// Method values, stored so that they are not allocated for each message.
	onKey, onMessage replyFunc

	keyErr error // the reply to the KEY of the next message to be answered; used by the reader only

	mu       sync.Mutex
	room     sync.Cond // a message may be sent, or err is set: wakes PublishAsync
	idle     sync.Cond // open is zero, or err is set: wakes Flush
	client   *Client
	phase    phase
	keyed    bool          // the server accepts keys, or this is not known yet
	inFlight letters       // sent on this connection and not answered, in order
	again    []letter      // must be sent again before any new message, in order
	bytes    int           // of inFlight and again
	number   uint64        // of the last message
	now      time.Duration // a recent time since began; never later than the last sending
	failures int           // failed attempts since the server last accepted a message
	busy     error         // the last refusal of a message as busy; nil once the server accepts a message
	lost     bool          // there was a Loss, and no Resent since then
	err      error         // why the client accepts no more messages
}

// A phase is the state of a RetryClient's connection.
//
//	away ── connected ──▶ trying ── first final reply ──▶ flowing
//	 ▲                      │                                │
//	 └── draining ◀─────────┴──── connection lost, busy ─────┘
type phase uint8

const (
	away     phase = iota // there is no connection: callers wait
	trying                // a single message is in flight, to learn whether the server accepts messages and keys
	flowing               // messages are sent immediately
	draining              // the connection was lost or the server is busy: nothing more is sent on it
)

// A letter is a message without a final reply.
type letter struct {
	request request
	number  uint64
	then    replyFunc
	sent    time.Duration // since began; never later than the sending that left it in doubt
	withKey bool          // it had a key each time that it was sent
	doubt   bool          // it was sent, and it is not known whether it was published
}

// DialRetry connects to a publish URL like Dial, and returns Dial's error if that fails. It does
// not retry the first attempt, because an address without a server is probably wrong. Only if the
// server replies that it is busy does DialRetry succeed and the client retry in the background. ctx
// applies only to DialRetry, not to the returned client.
func DialRetry(ctx context.Context, url string, opts RetryOptions) (*RetryClient, error) {
	o := options{token: opts.Token, tls: opts.TLS}
	endpoint, err := o.check(url)
	if err != nil {
		return nil, err
	}
	return startRetry(ctx, opts, func(ctx context.Context) (*Client, error) { return connect(ctx, endpoint, o) })
}

// startRetry implements DialRetry with any function that connects.
func startRetry(ctx context.Context, opts RetryOptions, connect func(context.Context) (*Client, error)) (*RetryClient, error) {
	r := &RetryClient{opts: opts, connect: connect, name: rand.Text()[:16] + "-", began: time.Now()}
	r.room.L, r.idle.L = &r.mu, &r.mu
	r.onKey, r.onMessage = r.keyAnswered, r.answered
	client, err := connect(ctx)
	if err != nil {
		if !isBusy(err) {
			return nil, err
		}
		r.failures = 1
	}
	r.context, r.cancel = context.WithCancel(context.Background())
	go r.run(client, err)
	return r, nil
}

// Publish sends one message, waits for its final reply and returns its place in the order of
// publishing. If the server refuses the message, the error is a *ReplyError; its code is never
// CodeBusy. If ctx ends first, the message may still be published.
func (r *RetryClient) Publish(ctx context.Context, m sse.Message) (sequence uint64, err error) {
	type reply struct {
		sequence uint64
		err      error
	}
	answered := make(chan reply, 1)
	if err := r.PublishAsync(ctx, m, func(sequence uint64, err error) { answered <- reply{sequence, err} }); err != nil {
		return 0, err
	}
	select {
	case a := <-answered:
		return a.sequence, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// PublishAsync sends one message and returns without waiting for the reply. If there is no
// connection, or no room for the message, it waits, until ctx ends at the latest.
//
// If PublishAsync returns an error, then is not called. Otherwise then is called once, with the
// final reply or, after Close, with ErrClosed. The client makes these calls one after the other,
// and processes no further replies while a call runs.
//
// The caller may change m.Data when PublishAsync has returned. To wait for all messages sent
// before, call Flush.
func (r *RetryClient) PublishAsync(ctx context.Context, m sse.Message, then func(sequence uint64, err error)) error {
	q, err := encode(m)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.wait(ctx, &r.room, r.maySend); err != nil {
		return err
	}
	r.submit(q, then)
	return nil
}

// submit sends a new message. The caller holds the lock.
func (r *RetryClient) submit(q request, then replyFunc) {
	r.number++
	r.open.Add(1)
	r.bytes += len(q.text)
	r.send(letter{request: q, number: r.number, then: then, withKey: true})
}

// Flush waits until every message sent before has its final reply and every then has returned. It
// waits until ctx ends at the latest.
func (r *RetryClient) Flush(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wait(ctx, &r.idle, func() bool { return r.open.Load() == 0 })
}

// Done returns a channel that is closed when the client accepts no more messages: after Close, or
// when a server has refused the client permanently, for example because of its token. From then on
// every call, including Flush, returns the reason.
func (r *RetryClient) Done() <-chan struct{} { return r.context.Done() }

// Close closes the connection and stops all attempts to connect. Messages that have no reply yet
// get ErrClosed; to wait for their replies, call Flush first.
func (r *RetryClient) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(ErrClosed)
	if r.client != nil {
		r.client.Close()
	}
	return nil
}

// fail makes the client accept no more messages, with why as the reason if it is the first one. The
// caller holds the lock.
func (r *RetryClient) fail(why error) {
	if r.err == nil {
		r.err = why
	}
	r.cancel()
	r.room.Broadcast()
	r.idle.Broadcast()
}

// wait waits until a condition is true, ctx ends, or the client accepts no more messages. The
// caller holds the lock.
func (r *RetryClient) wait(ctx context.Context, changed *sync.Cond, until func() bool) error {
	if ctx.Err() == nil && r.err == nil && !until() {
		stop := context.AfterFunc(ctx, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			changed.Broadcast()
		})
		defer stop()
	}
	for ctx.Err() == nil && r.err == nil && !until() {
		changed.Wait()
	}
	if r.err != nil {
		return r.err
	}
	return ctx.Err()
}

// maySend reports whether a new message may be sent.
func (r *RetryClient) maySend() bool {
	switch r.phase {
	case trying:
		return r.inFlight.count == 0 && len(r.again) == 0
	case flowing:
		return r.inFlight.count < unansweredMax && r.bytes < unansweredBytesMax
	}
	return false
}

// run is the client's goroutine. It keeps a connection until the client is closed or a server
// refuses the client permanently. client is the first connection, or nil if that attempt failed
// with err.
func (r *RetryClient) run(client *Client, err error) {
	for {
		if err == nil {
			err = r.serve(client)
		}
		if isRefusal(err) && !isBusy(err) || !r.pause(err) {
			break
		}
		ctx, cancel := context.WithTimeout(r.context, attemptTimeout)
		client, err = r.connect(ctx)
		cancel()
	}
	r.mu.Lock()
	r.fail(err)
	left, why := r.again, r.err
	r.again = nil
	r.mu.Unlock()
	for _, l := range left {
		l.then(0, why)
		r.settled()
	}
}

// serve uses a connection until it ends, and returns the reason.
func (r *RetryClient) serve(client *Client) (why error) {
	r.mu.Lock()
	nothing := len(r.again) == 0
	if nothing && r.lost && r.opts.Resent != nil {
		r.mu.Unlock()
		r.opts.Resent(Resent{})
		r.mu.Lock()
	}
	if nothing {
		r.lost = false
		if r.busy == nil {
			r.failures = 0 // no message is waiting, so no reply will reset the count
		}
	}
	r.client, r.phase, r.keyed = client, trying, true
	if r.err != nil {
		client.Close() // r was closed while connect ran
	}
	if !nothing {
		first := r.again[0]
		r.again = slices.Delete(r.again, 0, 1)
		r.send(first)
	}
	r.room.Broadcast()
	r.mu.Unlock()
	<-client.ended

	r.mu.Lock()
	defer r.mu.Unlock()
	r.client, r.phase = nil, away
	if r.busy != nil {
		return r.busy
	}
	return client.err
}

// pause waits before the next attempt. It returns false if the client was closed.
func (r *RetryClient) pause(why error) bool {
	r.mu.Lock()
	loss := Loss{Err: cause(why), Failures: r.failures, Wait: backoff.Wait(backoff.Default, r.failures)}
	r.failures++
	r.lost = true
	closed := r.err != nil
	r.mu.Unlock()
	if closed {
		return false
	}
	if r.opts.Lost != nil {
		r.opts.Lost(loss)
	}
	timer := time.NewTimer(loss.Wait)
	defer timer.Stop()
	select {
	case <-r.context.Done():
		return false
	case <-timer.C:
		return true
	}
}

// cause returns the part of an error that a Loss reports: the reason, without the address.
func cause(err error) error {
	if failed, ok := errors.AsType[*dialError](err); ok {
		err = failed.err
	}
	if ended, ok := errors.AsType[*endedError](err); ok {
		err = ended.err
	}
	if reason, ok := certs.Reason(err); ok {
		return reason
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // the latter from TLS
		return errors.New("the server closed the connection")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer within " + attemptTimeout.String())
	}
	return err
}
