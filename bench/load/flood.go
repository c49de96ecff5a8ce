package load

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// FloodConfig describes a flood: publishers without subscribers, so that only publishing is
// measured.
type FloodConfig struct {
	Publish      string
	PostTo       string // if set, publish by HTTP POST to this path plus the namespace, and read every answer
	PayloadBytes int
	Publishers   int  // connections, or one if 0; always one with HTTP POST
	Replies      bool // read and check an OK for every line, instead of QUIET
	Measure      time.Duration
	Drain        time.Duration // limit for the server to answer the last line
}

// FloodResult holds the measurements of a flood.
type FloodResult struct {
	Lines   uint64        // accepted by the server, according to its sequence numbers
	Elapsed time.Duration // from the first byte sent to the answer to the last line
}

// floodBlock is the number of lines in the block that is sent repeatedly.
const floodBlock = 1024

// floodOwedMax is how many OKs may be pending before a publisher sends another block. The fastest
// server needs milliseconds for that many lines. The sockets hold far more lines, and a slow server
// would need many seconds for them after the end.
const floodOwedMax = 16 * floodBlock

// Flood publishes as fast as the server reads. The server's sequence numbers before and after must
// differ by exactly the number of lines sent.
func Flood(config FloodConfig) (*FloodResult, error) {
	to, err := loopback(config.Publish)
	if err != nil {
		return nil, err
	}
	if config.PostTo != "" {
		return floodPosts(to, config)
	}
	line := newTopic(0, 1, Split(0, 1)[0], pubLine, max(config.PayloadBytes, PayloadMin), 1).lines[0]
	pubs, err := dialFlood(to, max(config.Publishers, 1))
	defer func() {
		for _, p := range pubs {
			hangUp(p.fd)
		}
	}()
	if err != nil {
		return nil, err
	}
	first, err := pubs[0].publishOne(line, config.Drain)
	if err != nil {
		return nil, err
	}
	for _, p := range pubs {
		p.last, p.among = first, len(pubs) > 1
		if err := p.setQuiet(!config.Replies, config.Drain); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	sent, err := flood(pubs, bytes.Repeat(line, floodBlock), config.Measure, config.Drain)
	if err != nil {
		return nil, err
	}
	for _, p := range pubs {
		if err := p.setQuiet(false, config.Drain); err != nil { // the answer comes after the last line
			return nil, err
		}
	}
	result := &FloodResult{Lines: sent, Elapsed: time.Since(start)}
	last, err := pubs[0].publishOne(line, config.Drain)
	if err != nil {
		return nil, err
	}
	if got := last - first - 1; got != sent {
		return nil, fmt.Errorf("%d lines were sent, but the server counted %d", sent, got)
	}
	return result, nil
}

// dialFlood opens n connections. If one fails, it returns the open connections with the error.
func dialFlood(to *unix.SockaddrInet4, n int) (pubs []*publisher, err error) {
	for range n {
		p, err := dialPublisher(to, false)
		if err != nil {
			return pubs, err
		}
		pubs = append(pubs, p)
	}
	return pubs, nil
}

// setQuiet turns OKs off or on, if necessary.
func (p *publisher) setQuiet(quiet bool, limit time.Duration) error {
	if p.quiet == quiet {
		return nil
	}
	word := "off"
	if quiet {
		word = "on"
	}
	if _, err := p.ask("QUIET "+word+"\n", limit); err != nil {
		return err
	}
	p.quiet = quiet
	return nil
}

// floodPosts is like Flood, by HTTP POST. There are no sequence numbers, so it counts the answers.
func floodPosts(to *unix.SockaddrInet4, config FloodConfig) (*FloodResult, error) {
	p, err := dialPoster(to)
	if err != nil {
		return nil, err
	}
	defer hangUp(p.fd)
	request := newTopic(0, 1, Split(0, 1)[0], post(config.PostTo), max(config.PayloadBytes, PayloadMin), 1).lines[0]
	start := time.Now()
	sent, err := flood([]*publisher{p}, bytes.Repeat(request, floodBlock), config.Measure, config.Drain)
	if err != nil {
		return nil, err
	}
	return &FloodResult{Lines: sent, Elapsed: time.Since(start)}, nil
}

// publishOne publishes one line and returns the sequence number in its OK.
func (p *publisher) publishOne(line []byte, limit time.Duration) (uint64, error) {
	reply, err := p.ask(string(line), limit)
	if err != nil {
		return 0, err
	}
	sequence, err := okSequence(bytes.TrimSpace([]byte(reply)))
	if err != nil {
		return 0, fmt.Errorf("publisher: reply %.100q: %w", reply, err)
	}
	return sequence, nil
}

// flood makes every publisher send the block of lines repeatedly for d and finish its last block.
// It reads all pending OKs and returns how many lines were sent.
func flood(pubs []*publisher, block []byte, d, drain time.Duration) (sent uint64, err error) {
	poller, err := rawio.NewPoller(len(pubs))
	if err != nil {
		return 0, err
	}
	defer poller.Close()
	for i, p := range pubs {
		if err := poller.Add(p.fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLET, int32(i)); err != nil {
			return 0, err
		}
	}
	buf := make([]byte, readMax)
	end := time.Now().Add(d)
	for {
		now := time.Now()
		owed, more := uint64(0), false
		for _, p := range pubs {
			sent += p.begin(block, now.Before(end))
			if err := p.flush(); err != nil {
				return 0, err
			}
			if err := p.read(buf); err != nil {
				return 0, err
			}
			owed += p.oks + uint64(len(p.out))
			more = more || p.writable && len(p.out) == 0 && p.oks <= floodOwedMax && now.Before(end)
		}
		switch {
		case more:
			continue
		case owed == 0 && !now.Before(end):
			return sent, nil
		case now.After(end.Add(drain)):
			return 0, fmt.Errorf("publisher: %d lines are still not answered %v after the end", owed, drain)
		}
		events, err := poller.Wait(waitMax)
		if err != nil {
			return 0, err
		}
		for i := range events {
			pubs[events[i].Fd].writable = true
		}
	}
}

// begin queues another block if the kernel has accepted the last one entirely. It returns how many
// lines it added.
func (p *publisher) begin(block []byte, goOn bool) uint64 {
	if len(p.out) > 0 || p.oks > floodOwedMax || !goOn {
		return 0
	}
	p.out = append(p.out, block...)
	if !p.quiet {
		p.oks += floodBlock
	}
	return floodBlock
}
