package load

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// comingBack limits how many connections of a comeback wait for their response head at the same
// time. It fits the backlog of every listener.
const comingBack = 500

// A Comeback is a set of clients that were disconnected and reconnect together, each with the id of
// the last message that it received. It is used by one goroutine.
type Comeback struct {
	kept     *Kept
	clients  []returner
	poller   *rawio.Poller
	opened   int
	answered int
	caughtUp int // clients that have received all messages that they missed
	live     int // clients that have received the next message, too
	each     func(seq uint64, at int64) error
	reading  *returner // the client of the stream that each is called for
}

// A returner is one client of a comeback.
type returner struct {
	fd        int
	namespace string
	id        string // of the last message that it received
	due       uint64 // the number of the next message
	step      uint64 // from each message of its namespace to the next
	missing   int    // how many of the missed messages are still to come
	isLive    bool
	isUp      bool // has received its response head
	scan      *scanner
}

// EachItsOwn returns one client for each namespace, which missed all kept messages of the
// namespace.
func (k *Kept) EachItsOwn() (*Comeback, error) {
	var all []returner
	for i := range k.config.Namespaces {
		all = append(all, returner{namespace: k.namespace(i), id: k.id(uint64(i)), due: uint64(i + k.config.Namespaces),
			step: uint64(k.config.Namespaces), missing: k.config.Each})
	}
	return k.comeback(all)
}

// OfAll returns one client that missed all kept messages of all namespaces.
func (k *Kept) OfAll() (*Comeback, error) {
	n := uint64(k.config.Namespaces)
	return k.comeback([]returner{{namespace: "/back", id: k.id(n - 1), due: n, step: 1, missing: k.Messages()}})
}

func (k *Kept) comeback(clients []returner) (*Comeback, error) {
	poller, err := rawio.NewPoller(512)
	if err != nil {
		return nil, err
	}
	c := &Comeback{kept: k, clients: clients, poller: poller}
	c.each = c.payload
	sample := newPayload(k.config.PayloadBytes)
	for i := range clients {
		clients[i].fd, clients[i].scan = -1, newScanner(sample, false)
	}
	return c, nil
}

// Close closes all connections.
func (c *Comeback) Close() {
	for i := range c.clients {
		if c.clients[i].fd >= 0 {
			hangUp(c.clients[i].fd)
		}
	}
	c.poller.Close()
}

// CatchUp opens every connection. It returns when each client has received exactly the messages
// that it missed, in order.
func (c *Comeback) CatchUp(limit time.Duration) error {
	for deadline := time.Now().Add(limit); c.caughtUp < len(c.clients); {
		for ; c.opened < len(c.clients) && c.opened-c.answered < comingBack; c.opened++ {
			if err := c.open(c.opened); err != nil {
				return fmt.Errorf("client %d: %w", c.opened, err)
			}
		}
		if err := c.turn(deadline); err != nil {
			return err
		}
	}
	return nil
}

// HearLive publishes one more message to every namespace. It returns when each client has received
// the message of its namespace.
func (c *Comeback) HearLive(limit time.Duration) error {
	k := c.kept
	if k.sent != uint64(k.config.Namespaces*(k.config.Each+1)) {
		return errors.New("HearLive was already called for this history")
	}
	if _, err := k.pub.ask("QUIET on\n", askTimeout); err != nil {
		return err
	}
	if err := k.publish(k.sent + uint64(k.config.Namespaces)); err != nil {
		return err
	}
	for deadline := time.Now().Add(limit); c.live < len(c.clients); {
		if err := c.turn(deadline); err != nil {
			return err
		}
	}
	return nil
}

func (c *Comeback) open(n int) (err error) {
	r := &c.clients[n]
	if r.fd, err = dial(c.kept.to, source(n), 0); err != nil {
		return err
	}
	request := fmt.Appendf(nil, "GET /subscribe%s HTTP/1.1\r\nHost: bench\r\nLast-Event-ID: %s\r\n\r\n", r.namespace, r.id)
	// Over loopback a connection is established immediately, unless the listener's backlog is full.
	// comingBack is too small to fill it.
	if sent, errno := rawio.Write(r.fd, request); errno != 0 || sent < len(request) {
		return fmt.Errorf("a new connection accepted %d of %d bytes of a request: %w", sent, len(request), errno)
	}
	return c.poller.Add(r.fd, unix.EPOLLIN, int32(n))
}

// turn waits for events and handles them.
func (c *Comeback) turn(deadline time.Time) error {
	if time.Now().After(deadline) {
		return fmt.Errorf("timed out: of %d clients, %d were answered, %d have caught up and %d are live", len(c.clients), c.answered, c.caughtUp, c.live)
	}
	events, err := c.poller.Wait(waitMax)
	if err != nil {
		return err
	}
	for i := range events {
		n := int(events[i].Fd)
		if err := c.read(&c.clients[n]); err != nil {
			return fmt.Errorf("client %d of %s, which resumed after %s: %w", n, c.clients[n].namespace, c.clients[n].id, err)
		}
	}
	return nil
}

func (c *Comeback) read(r *returner) error {
	got, errno := rawio.Read(r.fd, c.kept.in)
	if errno == unix.EAGAIN {
		return nil
	}
	if got == 0 {
		return fmt.Errorf("the server closed the connection: %w", errno)
	}
	return c.take(r, c.kept.in[:got])
}

// take checks the next bytes of a client's answer.
func (c *Comeback) take(r *returner, b []byte) error {
	if !r.isUp { // the server sends the head in one write, so it arrives whole
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 200")) || !bytes.Contains(b, []byte("\r\n\r\n")) {
			return fmt.Errorf("answered %.200q", b)
		}
		r.isUp = true
		c.answered++
	}
	if bytes.Contains(b, []byte("event:gap")) {
		return fmt.Errorf("gap event: %.300q", b)
	}
	c.reading = r
	return r.scan.feed(b, c.each)
}

// payload checks one message of the client that is being read.
func (c *Comeback) payload(seq uint64, _ int64) error {
	r := c.reading
	if seq != r.due || r.isLive || seq >= c.kept.sent {
		return fmt.Errorf("message %d came where %d was due, with %d of the missed messages still to come", seq, r.due, r.missing)
	}
	r.due += r.step
	switch r.missing--; {
	case r.missing == 0:
		c.caughtUp++
	case r.missing < 0:
		r.isLive = true
		c.live++
	}
	return nil
}
