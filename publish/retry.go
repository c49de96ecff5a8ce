package publish

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/internal/backoff"
	"github.com/ssed/ssed/sse"
)

// RetryOptions say how a RetryClient connects, and which functions it calls. The
// functions are called one after the other and hold up the client while they run.
type RetryOptions struct {
	Token string // sent with AUTH; empty for none

	Lost   func(Loss)   // nil, or called before the client waits to connect again
	Resent func(Resent) // nil, or called once the server takes messages again
}

// A Loss is a connection that was lost, or an attempt to connect again that failed.
type Loss struct {
	Err      error         // why; a *ReplyError with CodeBusy if the server cannot take messages now
	Failures int           // failed attempts since messages were last taken; 0: the connection was just lost
	Wait     time.Duration // until the next attempt
}

// A Resent counts the messages that were sent again after a Loss.
type Resent struct {
	Messages int // sent again, because they had no reply
	// Doubtful counts those of them that may be published twice: they were sent before,
	// and the server does not know by a key whether it has published them.
	Doubtful int
}

const (
	// attemptTimeout is how long one attempt to connect may take.
	attemptTimeout = 10 * time.Second
	// unansweredBytesMax bounds the messages that a RetryClient keeps to send them
	// again. There may be one more.
	unansweredBytesMax = 4 << 20
	// unansweredMax is as many messages as a Client has commands on their way. The
	// reply to each message's KEY comes on top.
	unansweredMax = awaitedMax
	// keyTime is how long after a message was sent its key still protects it. A
	// server remembers keys for two minutes, unless it is set up otherwise; the
	// repetition needs some of that for its way.
	keyTime = 110 * time.Second
)

// A RetryClient publishes messages in order, and goes on when the server goes away: it
// connects again, waiting longer after each failed attempt, and sends again what has no
// reply. It does the same when the server is busy. It is safe for use by many
// goroutines at once.
//
// No message is lost while the client lives. On a server with a store none is published
// twice either, if the client can send it again within the two minutes for which the
// store remembers keys: each message has a key of the client's own, unless it has one
// already. After a longer outage, and on a server without a store, a message whose reply
// was lost may be published twice; Resent counts them.
//
// Messages are published in the order of the calls, with one exception: a message that
// a server with a store refused as busy may be published after later ones that it took.
type RetryClient struct {
	opts    RetryOptions
	connect func(context.Context) (*Client, error)
	name    string          // begins each key; no other client has it
	context context.Context // ends when no message is taken any more
	cancel  context.CancelFunc
	began   time.Time
	open    atomic.Int64 // messages whose then has not returned yet

	// Method values, so that no message costs an allocation for them.
	onKey, onMessage replyFunc

	keyErr error // the reply to the KEY of the message answered next: the reader's alone

	mu       sync.Mutex
	room     sync.Cond // a message may be sent, or err is set: for PublishAsync
	idle     sync.Cond // open is zero, or err is set: for Flush
	client   *Client
	phase    phase
	keyed    bool          // the server takes keys, or it is not known yet
	inFlight letters       // sent on this connection, in order
	again    []letter      // to be sent before anything new, in order
	bytes    int           // of inFlight and again
	number   uint64        // of the last message
	now      time.Duration // since began, and not after the last message was sent
	failures int           // attempts since a message was taken
	busy     error         // the server's last refusal of a message as busy; nil once it takes one
	lost     bool          // there was a Loss, and no Resent since
	err      error         // why no message is taken any more
}

// A phase is what a RetryClient does with messages.
type phase uint8

const (
	away     phase = iota // there is no connection: callers wait
	trying                // one message is in flight alone, to see whether it is taken, and with a key
	flowing               // messages are sent as they come
	draining              // nothing more is sent on this connection: it ended, or the server is busy
)

// A letter is a message without a final reply.
type letter struct {
	request request
	number  uint64
	then    replyFunc
	sent    time.Duration // since began, and not after the sending that left it in doubt
	withKey bool          // it had a key each time that it was sent
	doubt   bool          // it was sent, and nobody knows whether it is published
}

// DialRetry connects to a publish URL, as Dial does, and returns Dial's error if that
// fails: an address where no server answers at first is taken for a wrong one. Only a
// server that says it is busy is tried again, in the background. ctx bounds DialRetry
// alone.
func DialRetry(ctx context.Context, url string, opts RetryOptions) (*RetryClient, error) {
	o := options{opts.Token}
	endpoint, err := o.check(url)
	if err != nil {
		return nil, err
	}
	return startRetry(ctx, opts, func(ctx context.Context) (*Client, error) { return connect(ctx, endpoint, o) })
}

// startRetry is DialRetry with another function to connect.
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

// Publish sends one message and waits for its final reply, for as long as ctx lasts. It
// returns the message's place in the order of publishing. A refusal is a *ReplyError,
// and never with CodeBusy. If ctx ends first, the message may still be published.
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

// PublishAsync sends one message and does not wait for its reply. It waits until there
// is a connection with room for the message, at most until ctx ends. If it returns an
// error, then is not called; otherwise then is called once, with the final reply or,
// after Close, with ErrClosed. The calls come one after the other and hold up the
// client while they run.
//
// The caller may change m.Data once PublishAsync has returned. Flush waits for everything
// sent before.
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

// Flush waits until every message sent before has its final reply and every then has
// returned, at most until ctx ends.
func (r *RetryClient) Flush(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wait(ctx, &r.idle, func() bool { return r.open.Load() == 0 })
}

// Done returns a channel that is closed when the client takes no more messages: after
// Close, or once a server has refused the client for good, such as for its token. Every
// call, Flush too, then returns the reason.
func (r *RetryClient) Done() <-chan struct{} { return r.context.Done() }

// Close ends the connection and all attempts to connect. Messages that have no reply
// yet get ErrClosed; to wait for them, Flush first.
func (r *RetryClient) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(ErrClosed)
	if r.client != nil {
		r.client.Close()
	}
	return nil
}

// fail ends the taking of messages; the first reason stays. The caller holds the lock.
func (r *RetryClient) fail(why error) {
	if r.err == nil {
		r.err = why
	}
	r.cancel()
	r.room.Broadcast()
	r.idle.Broadcast()
}

// wait waits until a condition holds. The caller holds the lock.
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

// run keeps a connection until the client is closed or a server refuses it for good.
// client is the first connection, or nil with the reason.
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

// serve uses a connection until it ends, and returns why.
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
			r.failures = 0 // no message is there to show whether it is taken
		}
	}
	r.client, r.phase, r.keyed = client, trying, true
	if r.err != nil {
		client.Close() // r was closed while this connection was made
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

// cause returns the part of an error that a Loss reports: the reason without the address.
func cause(err error) error {
	if failed, ok := errors.AsType[*dialError](err); ok {
		err = failed.err
	}
	if ended, ok := errors.AsType[*endedError](err); ok {
		err = ended.err
	}
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the server closed the connection")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer within " + attemptTimeout.String())
	}
	return err
}
