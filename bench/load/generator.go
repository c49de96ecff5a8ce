package load

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// Config says what a generator does. Addresses are IPv4 loopback, with a port.
type Config struct {
	Subscribe string // the server's address for subscribers
	Publish   string // and for publishers; not needed by a generator that only connects
	// Also are the subscribers' addresses of more servers that deliver the same: subscribers take
	// turns over all of them.
	Also []string

	Topics       []Topic // what is published, and to whom
	Stalled      int     // how many of the subscribers never read
	PayloadBytes int     // at least PayloadMin
	PostTo       string  // publish by HTTP POST, to this path with the namespace behind it, not by lines

	InFlight   int     // closed loop: messages in flight per topic
	RatePerSec float64 // open loop if above 0: messages per second, over all topics
	Turns      []int   // open loop: the topics in the order in which they are published to, over and over; one after the other if nil
	Scan       bool    // look for the payloads even where every byte is known, so that reading costs as much as where ids are between

	Warm    time.Duration // before measuring
	Measure time.Duration
	Drain   time.Duration // most time that what is still on its way may take at the end
}

const (
	// readMax is how much one read takes: what a socket holds by default, and it fits the
	// second-level cache.
	readMax = 256 << 10
	// burstMax bounds how many bytes of lines are made before subscribers are looked at again.
	burstMax = 256 << 10
	// openWindow is how far the slowest subscriber may lag in an open loop, in messages and in
	// bytes. Beyond it, messages wait to be sent, and their latency grows meanwhile.
	openWindow, openWindowBytes = 1 << 18, 64 << 20
	// unanswered is how many connections may wait for their head at once: well under a listener's
	// backlog, since an overflowing one costs the client a second.
	unanswered = 256
	// waitMax is the longest wait in epoll: the phases end on time, and the runtime gets a word in.
	waitMax = 20 * time.Millisecond
)

// Generator is the client side of one measurement. It is used by one goroutine, and keeps that on
// its thread.
type Generator struct {
	config    Config
	subscribe []*unix.SockaddrInet4 // the servers, to which the subscribers go in turn
	poller    *rawio.Poller
	subs      []subscriber
	topics    []topic
	waiting   []*topic // topics that have room for messages
	pub       *publisher
	in        []byte // for reads
	out       []byte // for requests

	open     int // subscribers that connect or are connected
	answered int // subscribers that have their head
	scanned  int // subscribers whose stream was not as expected to the byte

	locked     bool      // to its thread
	birth      time.Time // what now counts from
	published  uint64
	deliveries uint64
	bytes      uint64
	histogram  *hdrhistogram.Histogram
	answers    *hdrhistogram.Histogram
	// Messages published (open loop: due) from measureFrom until before measureTo are measured.
	measureFrom, measureTo int64
	dueFrom, due           int64 // open loop: when the first message was due, and when the next is
	turns                  []int // open loop: whose turn it is, one after the other
	nextTurn               int

	scanning    *subscriber // whose stream payloadSeen is called for
	payloadSeen func(seq uint64, at int64) error
}

// New checks the configuration, and connects the publisher if there is to be one.
func New(config Config) (*Generator, error) {
	g := &Generator{config: config, birth: time.Now(), in: make([]byte, readMax), turns: config.Turns}
	g.payloadSeen = g.payload
	for _, address := range append([]string{config.Subscribe}, config.Also...) {
		to, err := loopback(address)
		if err != nil {
			return nil, err
		}
		g.subscribe = append(g.subscribe, to)
	}
	g.histogram = hdrhistogram.New(1, int64(10*time.Minute), 3)
	g.answers = hdrhistogram.New(1, int64(10*time.Minute), 3)
	if err := g.populate(); err != nil {
		return nil, err
	}
	var err error
	if g.poller, err = rawio.NewPoller(512); err != nil {
		return nil, err
	}
	if config.Publish == "" {
		return g, nil
	}
	if err := g.dialPublisher(); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// populate makes the topics and gives every subscriber its place.
func (g *Generator) populate() error {
	write := pubLine
	if g.config.PostTo != "" {
		write = post(g.config.PostTo)
	}
	total := len(g.config.Topics)
	if total == 0 {
		return errNoTopic
	}
	g.waiting = make([]*topic, 0, total)
	for i, what := range g.config.Topics {
		size := cmp.Or(what.PayloadBytes, g.config.PayloadBytes)
		if size < PayloadMin {
			return fmt.Errorf("a payload of %d bytes; at least %d are needed for its number and its time", size, PayloadMin)
		}
		g.topics = append(g.topics, newTopic(i, total, what, write, size, g.window(size)))
		if g.config.Turns == nil {
			g.turns = append(g.turns, i)
		}
	}
	for i, at := range seated(g.config.Topics) {
		g.subs = append(g.subs, subscriber{fd: -1, topic: at, stalls: i < g.config.Stalled})
	}
	return nil
}

func (g *Generator) dialPublisher() error {
	to, err := loopback(g.config.Publish)
	if err != nil {
		return err
	}
	if g.config.PostTo != "" {
		g.pub, err = dialPoster(to)
	} else {
		g.pub, err = dialPublisher(to, true)
	}
	if err != nil {
		return err
	}
	return g.poller.Add(g.pub.fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLET, publisherTag)
}

// window is how many messages of a size a topic may have in flight.
func (g *Generator) window(size int) uint64 {
	if g.config.RatePerSec <= 0 {
		return uint64(max(g.config.InFlight, 1))
	}
	return uint64(max(min(openWindow, openWindowBytes/size)/len(g.config.Topics), 16))
}

// now is the time since the generator's birth, in nanoseconds.
func (g *Generator) now() int64 { return int64(time.Since(g.birth)) }

// Close ends all connections. A second Close does nothing.
func (g *Generator) Close() {
	if g.poller == nil {
		return
	}
	for i := range g.subs {
		if fd := g.subs[i].fd; fd >= 0 {
			hangUp(int(fd))
			g.subs[i].fd = -1
		}
	}
	if g.pub != nil {
		hangUp(g.pub.fd)
	}
	g.poller.Close()
	g.poller = nil
}

// Connect opens every subscriber's connection, a few hundred at a time, and returns when each has
// the head of its answer.
func (g *Generator) Connect(limit time.Duration) error {
	deadline := g.now() + int64(limit)
	for g.answered < len(g.subs) {
		if err := g.Open(unanswered - (g.open - g.answered)); err != nil {
			return err
		}
		if err := g.wait(deadline); err != nil {
			return err
		}
	}
	return nil
}

// Rush opens every connection without waiting for anybody's answer, takes the answers as they come,
// and returns when all are there.
func (g *Generator) Rush(limit time.Duration) error {
	const slice = 64
	deadline := g.now() + int64(limit)
	for g.open < len(g.subs) {
		if err := g.Open(slice); err != nil {
			return err
		}
		g.lock()
		if err := g.turn(0); err != nil {
			return err
		}
	}
	return g.Answered(time.Duration(deadline - g.now()))
}

// Open begins n more connections, or as many as are left, and waits for nothing.
func (g *Generator) Open(n int) error {
	for end := min(g.open+n, len(g.subs)); g.open < end; {
		if err := g.start(g.open); err != nil {
			return err
		}
	}
	return nil
}

// Answers tells how long each connection took from its start to the end of its answer's head, in
// nanoseconds.
func (g *Generator) Answers() *hdrhistogram.Histogram { return g.answers }

// Answered waits until every connection that was opened has the head of its answer.
func (g *Generator) Answered(limit time.Duration) error {
	deadline := g.now() + int64(limit)
	for g.answered < g.open {
		if err := g.wait(deadline); err != nil {
			return err
		}
	}
	return nil
}

// wait handles what is ready and ends when the deadline has passed.
func (g *Generator) wait(deadline int64) error {
	if g.now() > deadline {
		return fmt.Errorf("%d of %d connections were answered in time", g.answered, g.open)
	}
	g.lock()
	return g.turn(waitMax)
}

// lock keeps the loop on its thread, and that thread's timers exact: the kernel otherwise lets a
// sleep run 50 microseconds long.
func (g *Generator) lock() {
	if g.locked {
		return
	}
	g.locked = true
	lockThread()
}

func lockThread() {
	runtime.LockOSThread()
	// Failing costs precision, nothing else.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
}

// turn waits at most d and handles what is ready.
func (g *Generator) turn(d time.Duration) error {
	events, err := g.poller.Wait(d)
	if err != nil {
		return err
	}
	for i := range events {
		tag, ready := int(events[i].Fd), events[i].Events
		if tag != publisherTag {
			err = g.serve(tag, ready)
		} else {
			g.pub.writable = true
			err = g.pub.read(g.in)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// queue notes that a topic has room.
func (g *Generator) queue(t *topic) {
	if !t.queued {
		t.queued = true
		g.waiting = append(g.waiting, t)
	}
}

var (
	errNoPublisher = errors.New("the generator has no publisher")
	errNoTopic     = errors.New("the generator has no topic")
	errNoReader    = errors.New("no subscriber that reads is connected")
)
