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

// Config describes the work of a generator. Addresses are IPv4 loopback, with a port.
type Config struct {
	Subscribe string // the server's address for subscribers
	Publish   string // the server's address for publishers; empty for a generator that only connects
	// Also lists the subscribers' addresses of more servers that deliver the same messages.
	// Subscribers are spread evenly over all servers.
	Also []string

	Topics       []Topic // the messages to publish, and their subscribers
	Stalled      int     // how many of the subscribers never read
	PayloadBytes int     // at least PayloadMin
	PostTo       string  // if set, publish by HTTP POST to this path plus the namespace, and not by lines

	InFlight   int     // closed loop: messages in flight per topic
	RatePerSec float64 // open loop if above 0: messages per second, over all topics
	Turns      []int   // open loop: the order in which the topics are published to, repeated; one after the other if nil
	Scan       bool    // scan for payloads even if every byte is known, so that reading costs as much as with ids

	Warm    time.Duration // before measuring
	Measure time.Duration
	Drain   time.Duration // limit for the messages in flight to arrive at the end
}

const (
	// readMax limits one read. It is the default size of a socket's buffer and fits the
	// second-level cache.
	readMax = 256 << 10
	// burstMax limits the bytes of lines that are queued before subscribers are served again.
	burstMax = 256 << 10
	// openWindow limits how far the slowest subscriber may lag in an open loop, in messages and in
	// bytes. Beyond it messages wait to be sent, and their latency grows.
	openWindow, openWindowBytes = 1 << 18, 64 << 20
	// unanswered limits how many connections wait for their response head at the same time. It is
	// well below a listener's backlog, because an overflowing backlog costs the client a second.
	unanswered = 256
	// waitMax is the longest wait in epoll. It makes the phases end on time and gives the runtime a
	// chance to run.
	waitMax = 20 * time.Millisecond
)

// Generator is the client side of one measurement. It is used by one goroutine and locks it to its
// thread.
type Generator struct {
	config    Config
	subscribe []*unix.SockaddrInet4 // the servers; subscribers connect to them in turn
	poller    *rawio.Poller
	subs      []subscriber
	topics    []topic
	waiting   []*topic // topics that have room for messages
	pub       *publisher
	in        []byte // for reads
	out       []byte // for requests

	open     int // subscribers that are connecting or connected
	answered int // subscribers that have received their response head
	scanned  int // subscribers with a stream that differed from the expected bytes

	locked     bool      // to its thread
	birth      time.Time // the start of the time that now returns
	published  uint64
	deliveries uint64
	bytes      uint64
	histogram  *hdrhistogram.Histogram
	answers    *hdrhistogram.Histogram
	// Messages published (open loop: due) from measureFrom until before measureTo are measured.
	measureFrom, measureTo int64
	dueFrom, due           int64 // open loop: when the first message was due, and when the next is due
	turns                  []int // open loop: the topics in the order in which they are published to
	nextTurn               int

	scanning    *subscriber // the subscriber of the stream that payloadSeen is called for
	payloadSeen func(seq uint64, at int64) error
}

// New checks the configuration and connects the publisher, if Publish is set.
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

// populate creates the topics and assigns a topic to every subscriber.
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
			return fmt.Errorf("invalid payload size %d: expected at least %d bytes, for number and time", size, PayloadMin)
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

// window returns how many messages of a size a topic may have in flight.
func (g *Generator) window(size int) uint64 {
	if g.config.RatePerSec <= 0 {
		return uint64(max(g.config.InFlight, 1))
	}
	return uint64(max(min(openWindow, openWindowBytes/size)/len(g.config.Topics), 16))
}

// now returns the time since the generator was created, in nanoseconds.
func (g *Generator) now() int64 { return int64(time.Since(g.birth)) }

// Close closes all connections. A second Close does nothing.
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

// Connect opens the connections of all subscribers, a few hundred at a time. It returns when each
// has received the head of its answer.
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

// Rush opens every connection without waiting for the answers of others. It handles answers as they
// arrive and returns when all have arrived.
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

// Open starts n more connections, or as many as remain, and does not wait.
func (g *Generator) Open(n int) error {
	for end := min(g.open+n, len(g.subs)); g.open < end; {
		if err := g.start(g.open); err != nil {
			return err
		}
	}
	return nil
}

// Answers returns the times from the start of each connection to the end of its response head, in
// nanoseconds.
func (g *Generator) Answers() *hdrhistogram.Histogram { return g.answers }

// Answered waits until every opened connection has received the head of its answer.
func (g *Generator) Answered(limit time.Duration) error {
	deadline := g.now() + int64(limit)
	for g.answered < g.open {
		if err := g.wait(deadline); err != nil {
			return err
		}
	}
	return nil
}

// wait handles events. It returns an error if the deadline has passed.
func (g *Generator) wait(deadline int64) error {
	if g.now() > deadline {
		return fmt.Errorf("only %d of %d connections were answered in time", g.answered, g.open)
	}
	g.lock()
	return g.turn(waitMax)
}

// lock keeps the loop on its thread and makes the timers of the thread exact. Without it, the
// kernel lets a sleep run 50 microseconds too long.
func (g *Generator) lock() {
	if g.locked {
		return
	}
	g.locked = true
	lockThread()
}

func lockThread() {
	runtime.LockOSThread()
	// If this fails, only precision is lost.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
}

// turn waits at most d for events and handles them.
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

// queue records that a topic has room.
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
