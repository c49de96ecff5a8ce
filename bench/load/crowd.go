package load

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// CrowdConfig says who makes up a crowd. Addresses are IPv4 loopback, with a port.
type CrowdConfig struct {
	Subscribe, Publish string

	Steady   int // subscribers that stay and read
	Churning int // that come and go: orderly, by reset, or before they have their answer
	Sipping  int // that read a little now and then
	Deaf     int // that never read

	Subscriptions [][]string // the subscribers take them in turn
	Namespaces    []string   // every publisher publishes to them in turn
	PostTo        string     // publish by HTTP POST, to this path with the namespace behind it, not by lines
	PayloadBytes  int        // at least PayloadMin

	Publishers  int     // closed loop: each keeps InFlight messages on their way to the slowest steady subscriber
	InFlight    int     // at least 1
	PacedPerSec float64 // one more publisher if above 0, open loop: messages per second

	// Among says that others publish to the same server, so that its numbers do not rise by one.
	Among bool

	// Patience is how long a message may be on its way to a steady subscriber before the crowd
	// gives up; 15 s if not set.
	Patience time.Duration
}

// publishersMax is how many publishers a crowd may have: the number of one stands in the first bits
// of its messages' numbers.
const (
	publishersMax = 8
	numberBits    = seqBits - 3
)

// Crowd is a generator whose subscribers come and go, read or do not, and hear several publishers,
// while every message that any of them reads is checked: it must be the one that was due. It is
// used by one goroutine, and keeps that on its thread.
type Crowd struct {
	Counts CrowdCounts
	// Closed and Paced take the latencies of what steady subscribers hear from the publishers in
	// closed loop and from the paced one, in nanoseconds, while they are not nil.
	Closed, Paced *hdrhistogram.Histogram

	config    CrowdConfig
	subscribe *unix.SockaddrInet4
	poller    *rawio.Poller
	members   []member // the steady ones first
	requests  [][]byte // by subscription
	routes    []route  // by subscription: what it hears of any publisher
	pubs      []*pipeline
	random    *rand.Rand
	birth     time.Time
	in        []byte // for reads

	answered   int  // steady members that have their head
	leaving    bool // nobody comes any more
	tended     int64
	listening  *member // whose stream heard is called for
	each       func(seq uint64, at int64) error
	latencyOf  *pipeline // what latencyAt and latencyRun are of
	latencyAt  int64
	latencyRun int64
}

// CrowdCounts is what a crowd did, and what happened to it.
type CrowdCounts struct {
	Published, Heard uint64 // messages; each one heard was the one that was due
	Opened           int    // connections
	Left             int    // ended by shutdown, the server's end awaited
	Reset            int    // ended by reset
	Hurried          int    // ended by reset before or while the answer came
	Cut              int    // slow readers that the server ended
}

// NewCrowd checks the configuration and connects the publishers.
func NewCrowd(config CrowdConfig) (*Crowd, error) {
	if config.PayloadBytes < PayloadMin || config.InFlight < 1 || len(config.Namespaces) == 0 || len(config.Subscriptions) == 0 {
		return nil, fmt.Errorf("a crowd needs payloads of %d bytes, a message in flight, namespaces and subscriptions", PayloadMin)
	}
	if config.Patience == 0 {
		config.Patience = serverTime
	}
	n := config.Steady + config.Churning + config.Sipping + config.Deaf
	c := &Crowd{config: config, members: make([]member, n), random: rand.New(rand.NewPCG(1, 0)), birth: time.Now(), in: make([]byte, readMax)}
	c.each = c.heard
	var err error
	if c.subscribe, err = loopback(config.Subscribe); err != nil {
		return nil, err
	}
	if c.poller, err = rawio.NewPoller(512); err != nil {
		return nil, err
	}
	for _, s := range config.Subscriptions {
		c.requests = append(c.requests, request(s))
		c.routes = append(c.routes, newRoute(s, config.Namespaces))
	}
	if err := c.connectPublishers(); err != nil {
		c.Close()
		return nil, err
	}
	for i := range c.members {
		c.members[i] = c.newMember(i)
	}
	return c, nil
}

// request returns a subscription's request.
func request(subscription []string) []byte {
	target := "/subscribe" + subscription[0]
	if len(subscription) > 1 {
		target = "/subscribe?" + url.Values{"ns": subscription}.Encode()
	}
	return []byte("GET " + target + " HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n")
}

func (c *Crowd) connectPublishers() error {
	total := c.config.Publishers
	if c.config.PacedPerSec > 0 {
		total++
	}
	if total > publishersMax {
		return fmt.Errorf("%d publishers; %d are possible", total, publishersMax)
	}
	to, err := loopback(c.config.Publish)
	if err != nil {
		return err
	}
	for i := range total {
		p, write, err := c.dialPublisher(to)
		if err != nil {
			return err
		}
		p.among = total > 1 || c.config.Among
		pipe := &pipeline{publisher: p, number: i, window: uint64(c.config.InFlight)}
		pipe.lines, pipe.tail = newLines(write, c.config.Namespaces, c.config.PayloadBytes)
		if i == c.config.Publishers {
			pipe.perSec = c.config.PacedPerSec
		}
		c.pubs = append(c.pubs, pipe)
		if err := c.poller.Add(p.fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLET, publisherTag-int32(i)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Crowd) dialPublisher(to *unix.SockaddrInet4) (*publisher, writer, error) {
	if c.config.PostTo != "" {
		p, err := dialPoster(to)
		return p, post(c.config.PostTo), err
	}
	p, err := dialPublisher(to, false)
	return p, pubLine, err
}

func (c *Crowd) now() int64 { return int64(time.Since(c.birth)) }

// Close ends all connections at once. A second Close does nothing.
func (c *Crowd) Close() {
	if c.poller == nil {
		return
	}
	for i := range c.members {
		c.hangUp(&c.members[i])
	}
	for _, p := range c.pubs {
		hangUp(p.fd)
	}
	c.poller.Close()
	c.poller = nil
}
