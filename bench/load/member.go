package load

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// habit is the behavior of a crowd's subscriber.
type habit uint8

const (
	steady habit = iota
	churning
	sipping
	deaf
)

// stage is the state of a crowd's subscriber.
type stage uint8

const (
	away      stage = iota // not connected
	asking                 // connecting, request not sent yet
	expecting              // waiting for the head of the answer
	listening              // reading the stream
	parting                // has shut down its side and reads until the end of the stream
)

// member is one subscriber of a crowd, over all its successive connections.
type member struct {
	fd           int32
	subscription int32
	habit        habit
	stage        stage
	hurried      bool // leaves by reset at a random time, perhaps before the answer
	orderly      bool // leaves by shutdown
	// until is the time of the next action: to connect, read, leave or fail.
	until  int64
	since  int64   // when it connected
	tracks []track // by publisher
	scan   *scanner
	head   []byte // the received part of a response head
}

// The timing of a crowd.
const (
	tendEvery  = 2 * time.Millisecond   // how often the timers of the members are checked
	stayMax    = 2 * time.Second        // longest time that a churning subscriber stays
	awayMax    = 200 * time.Millisecond // longest time until it connects again
	sipEvery   = 100 * time.Millisecond
	sipBytes   = 2 << 10
	cutAway    = 500 * time.Millisecond // time until a subscriber connects again after the server disconnected it
	serverTime = 15 * time.Second       // limit for the server to answer, and to notice that a subscriber has left
)

func (c *Crowd) newMember(i int) member {
	m := member{fd: -1, subscription: int32(i % len(c.config.Subscriptions)), tracks: make([]track, len(c.pubs))}
	m.scan = newScanner(newPayload(c.config.PayloadBytes), false)
	switch left := i - c.config.Steady; {
	case left < 0:
	case left < c.config.Churning:
		m.habit = churning
		m.until = c.random.Int64N(int64(stayMax)) // so that they do not all connect at the same time
	case left < c.config.Churning+c.config.Sipping:
		m.habit = sipping
	default:
		m.habit = deaf
	}
	return m
}

// open starts a connection of member i.
func (c *Crowd) open(i int) error {
	m := &c.members[i]
	buffer := 0
	if m.habit >= sipping {
		buffer = lazyBuffer
	}
	fd, err := dial(c.subscribe, source(i), buffer)
	if err != nil {
		return fmt.Errorf("subscriber %d: connect: %w", i, err)
	}
	c.Counts.Opened++
	m.fd, m.stage, m.since = int32(fd), asking, c.now()
	m.scan.carry, m.head = m.scan.carry[:0], m.head[:0]
	for p, pipe := range c.pubs {
		m.tracks[p].least = pipe.sent - pipe.oks
	}
	c.decide(m)
	if err := c.poller.Add(fd, unix.EPOLLIN|unix.EPOLLOUT, int32(i)); err != nil {
		return err
	}
	return c.ask(i, m)
}

// decide chooses how long a churning member stays connected and how it leaves.
func (c *Crowd) decide(m *member) {
	if m.habit != churning {
		return
	}
	m.hurried = c.random.IntN(10) == 0
	m.orderly = !m.hurried && c.random.IntN(2) == 0
	stay := stayMax
	if m.hurried {
		stay = time.Millisecond
	}
	m.until = c.now() + c.random.Int64N(int64(stay))
}

// ask sends the request if the connection is established.
func (c *Crowd) ask(i int, m *member) error {
	text := c.requests[m.subscription]
	n, errno := rawio.Write(int(m.fd), text)
	switch {
	case errno == unix.EAGAIN || errno == unix.ENOTCONN:
		return nil
	case errno != 0 || n < len(text):
		return fmt.Errorf("subscriber %d: the connection accepted %d of %d bytes of a request: %v", i, n, len(text), errno)
	}
	m.stage = expecting
	return c.poller.Change(int(m.fd), unix.EPOLLIN, int32(i))
}

// serve handles an epoll event of one member.
func (c *Crowd) serve(i int) error {
	m := &c.members[i]
	switch {
	case m.stage == away: // it left while an earlier event of this batch was handled
		return nil
	case m.stage == asking:
		return c.ask(i, m)
	case m.stage == listening && m.habit >= sipping: // it reads on a timer, so the event can only be a disconnection by the server
		c.cut(m)
		return nil
	}
	return c.take(i, m, c.in)
}

// take reads once and checks the bytes.
func (c *Crowd) take(i int, m *member, buf []byte) error {
	n, errno := rawio.Read(int(m.fd), buf)
	switch {
	case errno == unix.EAGAIN:
		return nil
	case n == 0 && m.stage == parting && errno == 0:
		c.Counts.Left++
		c.hangUp(m)
		return nil
	case n == 0 && m.habit >= sipping:
		c.cut(m)
		return nil
	case n == 0:
		return fmt.Errorf("subscriber %d of %q: the server closed the connection (%v)", i, c.config.Subscriptions[m.subscription], errno)
	}
	b := buf[:n]
	if m.stage == expecting {
		rest, err := c.answer(i, m, b)
		if err != nil || len(rest) == 0 {
			return err
		}
		b = rest
	}
	return c.listen(i, m, b)
}

// answer reads the response head and returns the bytes after it.
func (c *Crowd) answer(i int, m *member, b []byte) ([]byte, error) {
	m.head = append(m.head, b...)
	end := bytes.Index(m.head, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, nil
	}
	if !bytes.HasPrefix(m.head, []byte("HTTP/1.1 200")) {
		return nil, fmt.Errorf("subscriber %d: answered %.200q", i, m.head)
	}
	if isChunked(m.head[:end]) {
		m.scan.chunks = &dechunker{}
	}
	m.stage = listening
	c.joined(m)
	switch m.habit {
	case steady:
		c.answered++
	case sipping:
		m.until = c.now() + int64(sipEvery)
	}
	if m.habit >= sipping {
		return m.head[end+4:], c.poller.Change(int(m.fd), unix.EPOLLRDHUP, int32(i))
	}
	return m.head[end+4:], nil
}

// joined sets the numbers that must come next: the member must receive every message sent from now
// on.
func (c *Crowd) joined(m *member) {
	r := c.routes[m.subscription]
	if r.isEmpty() {
		return
	}
	for p, pipe := range c.pubs {
		m.tracks[p].most = r.due(pipe.sent)
	}
}

// listen checks the next bytes of a stream.
func (c *Crowd) listen(i int, m *member, b []byte) error {
	c.listening = m
	err := m.scan.feed(b, c.each)
	c.record()
	if err != nil {
		return fmt.Errorf("subscriber %d of %q, connected %v ago: %w", i, c.config.Subscriptions[m.subscription],
			time.Duration(c.now()-m.since).Round(time.Millisecond), err)
	}
	return nil
}

// heard checks one message that the scanner found in the stream of the member that is read.
func (c *Crowd) heard(seq uint64, at int64) error {
	m := c.listening
	p, n := int(seq>>numberBits), seq&(1<<numberBits-1)
	if p >= len(c.pubs) || n >= c.pubs[p].sent {
		return fmt.Errorf("message %d of publisher %d came, which was never sent", n, p)
	}
	if t := &m.tracks[p]; !t.accept(c.routes[m.subscription], n) {
		return fmt.Errorf("message %d of publisher %d came where %d to %d was due", n, p, t.least, t.most)
	}
	c.Counts.Heard++
	if m.habit == steady {
		if c.latencyOf != c.pubs[p] || c.latencyAt != at {
			c.record()
			c.latencyOf, c.latencyAt = c.pubs[p], at
		}
		c.latencyRun++
	}
	return nil
}

// record adds the latencies of a run of messages with the same publishing time to a histogram. A
// burst is one entry.
func (c *Crowd) record() {
	if c.latencyRun == 0 {
		return
	}
	histogram := c.Closed
	if c.latencyOf.perSec > 0 {
		histogram = c.Paced
	}
	if histogram != nil {
		// The histogram's range is far longer than any allowed wait, so this cannot fail.
		_ = histogram.RecordValues(max(c.now()-c.latencyAt, 1), c.latencyRun)
	}
	c.latencyRun = 0
}

// cut records that the server has disconnected a slow reader, which will connect again later.
func (c *Crowd) cut(m *member) {
	c.Counts.Cut++
	c.hangUp(m)
	m.until = c.now() + int64(cutAway)
}

// hangUp closes a connection by reset. If the other side has closed it already, no reset is sent.
func (c *Crowd) hangUp(m *member) {
	if m.fd >= 0 {
		hangUp(int(m.fd))
	}
	m.fd, m.stage = -1, away
	m.until = c.now() + c.random.Int64N(int64(awayMax))
}
