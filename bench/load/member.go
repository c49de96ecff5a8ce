package load

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// habit is how a crowd's subscriber behaves.
type habit uint8

const (
	steady habit = iota
	churning
	sipping
	deaf
)

// stage is where a crowd's subscriber is between coming and going.
type stage uint8

const (
	away      stage = iota // has no connection
	asking                 // connects; its request is not sent yet
	expecting              // the head of the answer
	listening              // has its head
	parting                // has shut down its side, and reads to the end of the stream
)

// member is one subscriber of a crowd, over all connections that it makes one after the other.
type member struct {
	fd           int32
	subscription int32
	habit        habit
	stage        stage
	hurried      bool // leaves by reset, whatever has come by then
	orderly      bool // leaves by shutdown
	// until is when it does what is next: comes, sips, goes, or gives up.
	until  int64
	since  int64   // when it came
	tracks []track // by publisher
	scan   *scanner
	head   []byte // what has come of a head
}

// How a crowd's time goes by.
const (
	tendEvery  = 2 * time.Millisecond   // how often those are looked at who do something of their own
	stayMax    = 2 * time.Second        // how long a churning subscriber stays, at most
	awayMax    = 200 * time.Millisecond // and stays away
	sipEvery   = 100 * time.Millisecond
	sipBytes   = 2 << 10
	cutAway    = 500 * time.Millisecond // how long one that the server has ended stays away
	serverTime = 15 * time.Second       // what the server may take to answer, and to notice that one has left
)

func (c *Crowd) newMember(i int) member {
	m := member{fd: -1, subscription: int32(i % len(c.config.Subscriptions)), tracks: make([]track, len(c.pubs))}
	m.scan = newScanner(newPayload(c.config.PayloadBytes), false)
	switch left := i - c.config.Steady; {
	case left < 0:
	case left < c.config.Churning:
		m.habit = churning
		m.until = c.random.Int64N(int64(stayMax)) // they do not all come at once
	case left < c.config.Churning+c.config.Sipping:
		m.habit = sipping
	default:
		m.habit = deaf
	}
	return m
}

// open begins a connection.
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

// decide says how long one that churns will stay, and how it will go.
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

// ask sends the request if the connection is up.
func (c *Crowd) ask(i int, m *member) error {
	text := c.requests[m.subscription]
	n, errno := rawio.Write(int(m.fd), text)
	switch {
	case errno == unix.EAGAIN || errno == unix.ENOTCONN:
		return nil
	case errno != 0 || n < len(text):
		return fmt.Errorf("subscriber %d: the connection took %d bytes of a request of %d: %v", i, n, len(text), errno)
	}
	m.stage = expecting
	return c.poller.Change(int(m.fd), unix.EPOLLIN, int32(i))
}

// serve handles what epoll says of one member.
func (c *Crowd) serve(i int) error {
	m := &c.members[i]
	switch {
	case m.stage == away: // it left while the events were gone through
		return nil
	case m.stage == asking:
		return c.ask(i, m)
	case m.stage == listening && m.habit >= sipping: // it reads by the clock, so the event says that it was ended
		c.cut(m)
		return nil
	}
	return c.take(i, m, c.in)
}

// take reads once and checks what came.
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
		return fmt.Errorf("subscriber %d of %q: the server ended the connection (%v)", i, c.config.Subscriptions[m.subscription], errno)
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

// answer takes the response head and returns what follows it.
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

// joined notes which numbers must come next: everything that is sent from now on.
func (c *Crowd) joined(m *member) {
	r := c.routes[m.subscription]
	if r.none() {
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
		return fmt.Errorf("subscriber %d of %q, who came %v ago: %w", i, c.config.Subscriptions[m.subscription],
			time.Duration(c.now()-m.since).Round(time.Millisecond), err)
	}
	return nil
}

// heard checks one message that the scanner found in the stream of the member that is listening.
func (c *Crowd) heard(seq uint64, at int64) error {
	m := c.listening
	p, n := int(seq>>numberBits), seq&(1<<numberBits-1)
	if p >= len(c.pubs) || n >= c.pubs[p].sent {
		return fmt.Errorf("message %d of publisher %d came, which was never sent", n, p)
	}
	if t := &m.tracks[p]; !t.hear(c.routes[m.subscription], n) {
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

// record puts the latencies of a run of messages of one time into a histogram: a burst is one
// entry.
func (c *Crowd) record() {
	if c.latencyRun == 0 {
		return
	}
	histogram := c.Closed
	if c.latencyOf.perSec > 0 {
		histogram = c.Paced
	}
	if histogram != nil {
		// The histogram's range is far longer than any wait that is allowed, so this cannot fail.
		_ = histogram.RecordValues(max(c.now()-c.latencyAt, 1), c.latencyRun)
	}
	c.latencyRun = 0
}

// cut notes that the server has ended a slow reader, which comes again later.
func (c *Crowd) cut(m *member) {
	c.Counts.Cut++
	c.hangUp(m)
	m.until = c.now() + int64(cutAway)
}

// hangUp closes a connection by reset; one that the other side has closed already just goes.
func (c *Crowd) hangUp(m *member) {
	if m.fd >= 0 {
		hangUp(int(m.fd))
	}
	m.fd, m.stage = -1, away
	m.until = c.now() + c.random.Int64N(int64(awayMax))
}
