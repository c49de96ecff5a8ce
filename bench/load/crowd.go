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

// CrowdConfig describes a crowd. Addresses are IPv4 loopback, with a port.
type CrowdConfig struct {
	Subscribe, Publish string

	Steady   int // subscribers that stay connected and read everything
	Churning int // subscribers that connect and leave: by shutdown, by reset, or before they have their answer
	Sipping  int // subscribers that read a little at intervals
	Deaf     int // subscribers that never read

	Subscriptions [][]string // assigned to the subscribers in turn
	Namespaces    []string   // every publisher publishes to them in turn
	PostTo        string     // if set, publish by HTTP POST to this path plus the namespace, and not by lines
	PayloadBytes  int        // at least PayloadMin

	Publishers  int     // closed loop: each keeps InFlight messages in flight to the slowest steady subscriber
	InFlight    int     // at least 1
	PacedPerSec float64 // if above 0, one more publisher with an open loop: messages per second

	// Among reports whether other clients publish to the same server, so that the sequence numbers
	// do not rise by one.
	Among bool

	// Patience is how long a message may be in flight to a steady subscriber before the crowd
	// fails. Default 15 s.
	Patience time.Duration
}

// publishersMax limits the publishers of a crowd. The first bits of a message's number contain the
// number of its publisher.
const (
	publishersMax = 8
	numberBits    = seqBits - 3
)

// Crowd is a generator with subscribers that connect and leave, or read slowly or not at all, and
// with several publishers. It checks every message that a subscriber reads: it must be the message
// that was due. A Crowd is used by one goroutine and locks it to its thread.
type Crowd struct {
	Counts CrowdCounts
	// While they are not nil, Closed and Paced record the latencies of deliveries to steady
	// subscribers, in nanoseconds. Closed is for the publishers in closed loop, Paced for the paced
	// one.
	Closed, Paced *hdrhistogram.Histogram

	config    CrowdConfig
	subscribe *unix.SockaddrInet4
	poller    *rawio.Poller
	members   []member // the steady ones first
	requests  [][]byte // by subscription
	routes    []route  // by subscription: which messages of a publisher it receives
	pubs      []*pipeline
	random    *rand.Rand
	birth     time.Time
	in        []byte // for reads

	answered   int  // steady members that have received their response head
	leaving    bool // members do not connect any more
	tended     int64
	listening  *member // the member of the stream that heard is called for
	each       func(seq uint64, at int64) error
	latencyOf  *pipeline // the publisher that latencyAt and latencyRun belong to
	latencyAt  int64
	latencyRun int64
}

// CrowdCounts counts the actions of a crowd and their results.
type CrowdCounts struct {
	Published, Heard uint64 // messages; each message in Heard was the message that was due
	Opened           int    // connections
	Left             int    // closed by shutdown, after the server had closed its side
	Reset            int    // closed by reset
	Hurried          int    // closed by reset before or while the answer arrived
	Cut              int    // slow readers that the server disconnected
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

// request returns the HTTP request of a subscription.
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
		return fmt.Errorf("too many publishers: %d, expected at most %d", total, publishersMax)
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

// Close closes all connections immediately. A second Close does nothing.
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
