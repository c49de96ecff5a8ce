package publish

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/ssed/ssed/sse"
)

// awaitedMax and unwrittenBytesMax bound the commands that a client keeps while they have no reply.
// A thousand commands are far more than one round trip needs. A caller that is faster than the
// server waits.
const (
	awaitedMax        = 1024
	unwrittenBytesMax = 1 << 20
)

// finalReadTimeout is how long a client continues to read after a write failed. The server may have
// sent the reason before it closed the connection.
const finalReadTimeout = time.Second

// ErrClosed is returned by every call after Close.
var ErrClosed = errors.New("the client is closed")

// A Client is one connection to a server's publish address. Many goroutines may use it
// concurrently; their commands are pipelined.
//
// A Client does not reconnect: once the connection has failed, every call returns the reason, and
// the caller must dial again. A message that got no reply may or may not have been published. A
// message with a Key can be sent again safely. A RetryClient reconnects and resends automatically.
//
// Each client has two goroutines. The writer sends the commands in unwritten, all that have
// accumulated in one write. The reader calls the functions in awaited, one for each reply, in
// order.
type Client struct {
	conn  net.Conn
	ended chan struct{} // closed by the reader after the last answer

	mu        sync.Mutex
	work      sync.Cond   // unwritten is not empty, or err is set: wakes the writer
	room      sync.Cond   // there may be room for another command: wakes callers
	unwritten []byte      // whole commands
	awaited   []replyFunc // for the commands that have no reply yet, in order
	reading   bool        // the reader was started, with the first request: see append
	err       error       // why the connection ended
}

// A replyFunc is called with the reply to a command.
type replyFunc func(sequence uint64, err error)

func newClient(conn net.Conn) *Client {
	c := &Client{conn: conn, ended: make(chan struct{})}
	c.work.L, c.room.L = &c.mu, &c.mu
	go c.write()
	return c
}

// Publish sends one message, waits for its reply and returns its place in the order of publishing.
// If the server refuses the message, the error is a *ReplyError. If ctx ends first, the message may
// still be published, and the connection remains usable.
//
// If the server already knows the message's Key, it does not publish the message again, and returns
// the sequence of the first message. If the server refuses the Key, it does not publish the
// message.
func (c *Client) Publish(ctx context.Context, m sse.Message) (sequence uint64, err error) {
	r, err := encode(m)
	if err != nil {
		return 0, err
	}
	return c.do(ctx, r)
}

// PublishAsync sends one message and returns without waiting for the reply. The client calls then
// with the reply, so one goroutine can keep many messages in flight. While too many messages are in
// flight, PublishAsync waits for room, until ctx ends at the latest.
//
// If PublishAsync returns an error, then is not called; otherwise it is called once. The client
// makes these calls one after the other, in the order of sending. It processes no further replies
// while a call runs.
//
// The caller may change m.Data when PublishAsync has returned. To wait for all messages sent
// before, call Ping.
func (c *Client) PublishAsync(ctx context.Context, m sse.Message, then func(sequence uint64, err error)) error {
	r, err := encode(m)
	if err != nil {
		return err
	}
	return c.send(ctx, r, then)
}

// Ping checks that the server replies. Replies arrive in order: when Ping returns, everything that
// was sent before has its reply, and every then has returned.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.do(ctx, request{text: []byte("PING\n")})
	return err
}

// Close closes the connection. Commands that have no reply yet get ErrClosed; to wait for their
// replies, call Ping first.
func (c *Client) Close() error {
	c.end(ErrClosed)
	return nil
}

// do sends a request and waits for its reply.
func (c *Client) do(ctx context.Context, r request) (sequence uint64, err error) {
	type reply struct {
		sequence uint64
		err      error
	}
	answered := make(chan reply, 1) // with room, so that the reader never waits for a canceled caller
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

// send queues a request, as soon as there is room. It waits until ctx ends at the latest.
func (c *Client) send(ctx context.Context, r request, then replyFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.waitForRoom(ctx); err != nil {
		return err
	}
	if r.keyed {
		toKey, toPub := pairReplies(then)
		c.append(r.text, toKey, toPub)
	} else {
		c.append(r.text, then)
	}
	return nil
}

// append queues commands, with one function for the reply to each. The caller holds the lock.
//
// The first call starts the reader. A full server sends an unrequested ERR; a reader that was
// started earlier would find no command that it belongs to.
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

// waitForRoom waits until there is room for a command, ctx ends or the connection fails. The caller
// holds the lock.
func (c *Client) waitForRoom(ctx context.Context) error {
	if ctx.Err() == nil && c.err == nil && !c.hasRoom() {
		// A Cond does not support contexts, so the end of this context wakes all waiting callers;
		// the callers with other contexts wait again.
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

// write is the writer's goroutine. It sends all commands that have accumulated since the last write
// in one write.
func (c *Client) write() {
	var spare []byte
	for {
		writing, ok := c.takeUnwritten(spare)
		if !ok {
			return
		}
		if _, err := c.conn.Write(writing); err != nil {
			// The server may have sent the reason. The reader has the best information about the
			// failure, so it ends the connection; the writer only sets a deadline for that.
			c.conn.SetReadDeadline(time.Now().Add(finalReadTimeout))
			return
		}
		if spare = writing[:0]; cap(spare) > 2*unwrittenBytesMax {
			spare = nil // do not keep the memory of a huge message
		}
	}
}

// takeUnwritten waits for commands, takes them, and leaves the buffer spare in their place. ok is
// false if the connection has ended.
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

// read is the reader's goroutine. It passes every reply to its command until the connection ends.
// Then it passes the reason to the commands without a reply.
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
	return fmt.Sprintf("connection to the server lost: %v", e.err)
}
func (e *endedError) Unwrap() error { return e.err }

// readReply reads one reply and passes it to its command. It returns an error if the connection
// failed, and nil if the server refused the command.
func (c *Client) readReply(reader *bufio.Reader) error {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return &endedError{connectionReason(err)}
	}
	sequence, err := parseReply(trimCR(line[:len(line)-1]))
	if _, refused := errors.AsType[*ReplyError](err); err != nil && !refused {
		return err
	}
	then := c.next()
	if then == nil {
		return fmt.Errorf("unexpected message from the server: %s", bytes.TrimSpace(line))
	}
	then(sequence, err)
	return nil
}

// next removes and returns the function for the oldest command without a reply, or nil if every
// command has its reply.
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

// end closes the connection, with err as the reason if it is the first one. Only the reader calls
// the functions of the remaining commands, when its read has failed, so two of them never run
// concurrently.
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
