package load

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// comingBack is how many of a comeback's connections may wait for their head at once: what fits
// every listener's backlog.
const comingBack = 500

// A Comeback is clients that were away and come back together, each with the id of the last message
// that it has. It is used by one goroutine.
type Comeback struct {
	kept     *Kept
	clients  []returner
	poller   *rawio.Poller
	opened   int
	answered int
	caughtUp int // have all that they missed
	live     int // have the message after it, too
	each     func(seq uint64, at int64) error
	reading  *returner // whose stream each is called for
}

// A returner is one client of a comeback.
type returner struct {
	fd        int
	namespace string
	id        string // of the last message that it has
	due       uint64 // the number of the next
	step      uint64 // from each message of its namespace to the next
	missing   int    // of what it missed
	isLive    bool
	isUp      bool // has its head
	scan      *scanner
}

// EachItsOwn is one client for each namespace, that missed all that is kept of it.
func (k *Kept) EachItsOwn() (*Comeback, error) {
	var all []returner
	for i := range k.config.Namespaces {
		all = append(all, returner{namespace: k.namespace(i), id: k.id(uint64(i)), due: uint64(i + k.config.Namespaces),
			step: uint64(k.config.Namespaces), missing: k.config.Each})
	}
	return k.comeback(all)
}

// OfAll is one client that missed all that is kept of all namespaces.
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

// Close ends all connections.
func (c *Comeback) Close() {
	for i := range c.clients {
		if c.clients[i].fd >= 0 {
			hangUp(c.clients[i].fd)
		}
	}
	c.poller.Close()
}

// CatchUp opens every connection, and returns when each client has exactly what it missed, in
// order.
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

// HearLive publishes one more message to every namespace, and returns when each client has the next
// of its own.
func (c *Comeback) HearLive(limit time.Duration) error {
	k := c.kept
	if k.sent != uint64(k.config.Namespaces*(k.config.Each+1)) {
		return errors.New("this history was heard live before")
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
	// Over loopback a connection is up at once, unless the listener's backlog is full, and
	// comingBack is too much for that.
	if sent, errno := rawio.Write(r.fd, request); errno != 0 || sent < len(request) {
		return fmt.Errorf("a new connection took %d bytes of a request of %d: %w", sent, len(request), errno)
	}
	return c.poller.Add(r.fd, unix.EPOLLIN, int32(n))
}

// turn handles what is ready.
func (c *Comeback) turn(deadline time.Time) error {
	if time.Now().After(deadline) {
		return fmt.Errorf("of %d clients %d were answered, %d have what they missed and %d are live", len(c.clients), c.answered, c.caughtUp, c.live)
	}
	events, err := c.poller.Wait(waitMax)
	if err != nil {
		return err
	}
	for i := range events {
		n := int(events[i].Fd)
		if err := c.read(&c.clients[n]); err != nil {
			return fmt.Errorf("client %d of %s, which came back with %s: %w", n, c.clients[n].namespace, c.clients[n].id, err)
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
		return fmt.Errorf("the server ended the connection: %w", errno)
	}
	return c.take(r, c.kept.in[:got])
}

// take checks the next bytes of a client's answer.
func (c *Comeback) take(r *returner, b []byte) error {
	if !r.isUp { // the head is one write of the server's, and comes whole
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 200")) || !bytes.Contains(b, []byte("\r\n\r\n")) {
			return fmt.Errorf("answered %.200q", b)
		}
		r.isUp = true
		c.answered++
	}
	if bytes.Contains(b, []byte("event:gap")) {
		return fmt.Errorf("told of a gap: %.300q", b)
	}
	c.reading = r
	return r.scan.feed(b, c.each)
}

// payload checks one message of the client that is being read.
func (c *Comeback) payload(seq uint64, _ int64) error {
	r := c.reading
	if seq != r.due || r.isLive || seq >= c.kept.sent {
		return fmt.Errorf("message %d came where %d was due, with %d of those that it missed still to come", seq, r.due, r.missing)
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
