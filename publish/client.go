package publish

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/sse"
)

// The bounds of what a client keeps for commands on their way. A thousand is far
// more than one round trip needs; a caller who is faster than the server waits.
const (
	awaitedMax        = 1024
	unwrittenBytesMax = 1 << 20
)

// lastWords is how long a client still reads when it cannot write any more: a
// server that closes may have said why.
const lastWords = time.Second

// ErrClosed is what every call returns after Close.
var ErrClosed = errors.New("the client is closed")

// A Client is one connection to a server's publish address. It is safe for use
// by many goroutines at once, and all their commands travel pipelined.
//
// It does not reconnect: once the connection has failed, every call returns what
// it failed of, and the caller dials again. A message whose reply was not seen
// may or may not have been published. If it has a Key, it can be sent again.
// A RetryClient does both for its caller.
type Client struct {
	conn  net.Conn
	ended chan struct{} // closed by the reader once the last answer was given

	mu        sync.Mutex
	work      sync.Cond   // unwritten is not empty, or err is set: for the writer
	room      sync.Cond   // there may be room for one more command: for callers
	unwritten []byte      // whole commands
	awaited   []replyFunc // of the commands without a reply yet, in order
	reading   bool        // from the first request on: a server that is full says so unasked
	err       error       // why the connection ended
}

// An answer is called with a command's reply.
type replyFunc func(sequence uint64, err error)

// An Option changes how Dial connects.
type Option func(*options)

type options struct{ token string }

// WithToken sends AUTH with this token before anything else. Without one, or
// with the empty token, there is no AUTH.
func WithToken(token string) Option { return func(o *options) { o.token = token } }

// Dial connects to a publish URL ("tcp://host:port" or "unix:///path"), sends the
// token if there is one, and waits for the first reply: that the server is full,
// does not know the token, or is no ssed, is Dial's error. ctx bounds Dial only.
func Dial(ctx context.Context, url string, opts ...Option) (*Client, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	endpoint, err := o.check(url)
	if err != nil {
		return nil, err
	}
	return connect(ctx, endpoint, o)
}

// check checks what Dial was given.
func (o *options) check(url string) (listen.Endpoint, error) {
	if strings.ContainsAny(o.token, "\r\n") {
		return listen.Endpoint{}, errors.New("the token holds a line break")
	}
	return listen.ParseEndpoint(url)
}

// connect is Dial with options that were checked.
func connect(ctx context.Context, endpoint listen.Endpoint, o options) (*Client, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, endpoint.Network, endpoint.Address)
	if err != nil {
		return nil, &dialError{"connect", endpoint, listen.Reason(err)}
	}
	c := newClient(conn)
	hello := "PING\n"
	if o.token != "" {
		hello = "AUTH " + o.token + "\n"
	}
	if _, err := c.do(ctx, request{text: []byte(hello)}); err != nil {
		c.Close()
		return nil, &dialError{"publish", endpoint, err}
	}
	return c, nil
}

// A dialError is an error of Dial, with its address.
type dialError struct {
	doing string
	to    listen.Endpoint
	err   error
}

func (e *dialError) Error() string { return fmt.Sprintf("cannot %s to %s: %v", e.doing, e.to, e.err) }
func (e *dialError) Unwrap() error { return e.err }

func newClient(conn net.Conn) *Client {
	c := &Client{conn: conn, ended: make(chan struct{})}
	c.work.L, c.room.L = &c.mu, &c.mu
	go c.write()
	return c
}

// Publish sends one message, waits for its reply and returns its place in the
// order of publishing. A refusal is a *ReplyError. If ctx ends first, the message
// may still be published, and the connection stays good. A message with a Key that
// the server knows is not published again, and the sequence is that of the first;
// one whose Key the server refuses is not published at all.
func (c *Client) Publish(ctx context.Context, m sse.Message) (sequence uint64, err error) {
	r, err := encode(m)
	if err != nil {
		return 0, err
	}
	return c.do(ctx, r)
}

// PublishAsync sends one message and does not wait for its reply: then is called
// with it, so one goroutine can keep many messages in flight. It waits for room
// while too many are, at most until ctx ends. If it returns an error, then is
// not called; otherwise it is called once. The calls come one after the other, in
// the order of sending, and hold up all replies of the client while they run.
//
// m.Data is the caller's again at once. Ping waits for everything sent before.
func (c *Client) PublishAsync(ctx context.Context, m sse.Message, then func(sequence uint64, err error)) error {
	r, err := encode(m)
	if err != nil {
		return err
	}
	return c.send(ctx, r, then)
}

// Ping asks for a sign of life. Replies come in order: when it returns, everything
// that was sent before has its reply, and every then has returned.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.do(ctx, request{text: []byte("PING\n")})
	return err
}

// Close ends the connection. Commands that have no reply yet get ErrClosed; to
// wait for them, Ping first.
func (c *Client) Close() error {
	c.end(ErrClosed)
	return nil
}

// do sends a request and waits for its answer.
func (c *Client) do(ctx context.Context, r request) (sequence uint64, err error) {
	type reply struct {
		sequence uint64
		err      error
	}
	answered := make(chan reply, 1) // the reader never waits for a caller who left
	err = c.send(ctx, r, func(sequence uint64, err error) { answered <- reply{sequence, err} })
	if err != nil {
		return 0, err
	}
	select {
	case r := <-answered:
		return r.sequence, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// send puts a request behind the others, as soon as there is room.
func (c *Client) send(ctx context.Context, r request, then replyFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.waitForRoom(ctx); err != nil {
		return err
	}
	if r.keyed {
		toKey, toPub := together(then)
		c.append(r.text, toKey, toPub)
	} else {
		c.append(r.text, then)
	}
	return nil
}

// append puts commands, and an answer for each, behind the others. The caller holds
// the lock.
func (c *Client) append(commands []byte, answers ...replyFunc) {
	if len(c.unwritten) == 0 {
		c.work.Signal()
	}
	c.unwritten = append(c.unwritten, commands...)
	c.awaited = append(c.awaited, answers...)
	if !c.reading {
		c.reading = true
		go c.read()
	}
}

func (c *Client) waitForRoom(ctx context.Context) error {
	if ctx.Err() == nil && c.err == nil && !c.hasRoom() {
		// A Cond knows nothing of contexts: the end of this one wakes all, and
		// those whose context goes on wait again.
		stop := context.AfterFunc(ctx, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.room.Broadcast()
		})
		defer stop()
	}
	for ctx.Err() == nil && c.err == nil && !c.hasRoom() {
		c.room.Wait()
	}
	if c.err != nil {
		return c.err
	}
	return ctx.Err()
}

func (c *Client) hasRoom() bool {
	return len(c.awaited) < awaitedMax && len(c.unwritten) < unwrittenBytesMax
}

// write sends what has gathered since the last write, all in one.
func (c *Client) write() {
	var spare []byte
	for {
		writing, ok := c.takeUnwritten(spare)
		if !ok {
			return
		}
		if _, err := c.conn.Write(writing); err != nil {
			// The server's last words may be on their way: the reader knows best
			// why it ends, and ends everything.
			c.conn.SetReadDeadline(time.Now().Add(lastWords))
			return
		}
		if spare = writing[:0]; cap(spare) > 2*unwrittenBytesMax {
			spare = nil // one huge message must not be paid for ever after
		}
	}
}

// takeUnwritten waits for commands and leaves spare in their place.
func (c *Client) takeUnwritten(spare []byte) (commands []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.unwritten) == 0 && c.err == nil {
		c.work.Wait()
	}
	commands, c.unwritten = c.unwritten, spare
	c.room.Broadcast()
	return commands, c.err == nil
}

// read gives every reply to the command that it belongs to, until the connection
// ends; what is unanswered then gets the reason.
func (c *Client) read() {
	reader := bufio.NewReaderSize(c.conn, 16<<10)
	for {
		if err := c.readReply(reader); err != nil {
			c.end(err)
			break
		}
	}
	for then := c.next(); then != nil; then = c.next() {
		then(0, c.err)
	}
	close(c.ended)
}

// An endedError is the reason why a connection ended without a call of Close.
type endedError struct{ err error }

func (e *endedError) Error() string {
	return fmt.Sprintf("the connection to the server ended: %v", e.err)
}
func (e *endedError) Unwrap() error { return e.err }

// readReply fails when the connection does, not when a command was refused.
func (c *Client) readReply(reader *bufio.Reader) error {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return &endedError{listen.Reason(err)}
	}
	sequence, err := parseReply(trimCR(line[:len(line)-1]))
	if _, refused := errors.AsType[*ReplyError](err); err != nil && !refused {
		return err
	}
	then := c.next()
	if then == nil {
		return fmt.Errorf("the server said, unasked: %s", bytes.TrimSpace(line))
	}
	then(sequence, err)
	return nil
}

// next takes the oldest command that awaits its reply; nil if there is none.
func (c *Client) next() replyFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.awaited) == 0 {
		return nil
	}
	then := c.awaited[0]
	c.awaited[0] = nil
	c.awaited = c.awaited[1:]
	c.room.Signal()
	return then
}

// end closes the connection; the first reason stays. The reader then wakes up and
// abandons what is unanswered, so that no two answers are called at once.
func (c *Client) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	c.conn.Close()
	c.work.Broadcast()
	c.room.Broadcast()
}
