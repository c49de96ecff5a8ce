package load

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// FloodConfig says how to publish with nobody listening: only the way in is measured.
type FloodConfig struct {
	Publish      string
	PostTo       string // publish by HTTP POST, to this path with the namespace behind it; every answer is then read
	PayloadBytes int
	Replies      bool // read and check an OK for every line, instead of QUIET
	Measure      time.Duration
	Drain        time.Duration // most time the server may take to answer the end
}

// FloodResult is what a flood measured.
type FloodResult struct {
	Lines   uint64        // accepted, as the server's own sequence numbers say
	Elapsed time.Duration // from the first byte sent to the answer to the last line
}

// floodBlock is how many lines are in the block that is sent over and over.
const floodBlock = 1024

// Flood publishes over one connection as fast as the server reads. The server's sequence numbers before and after must
// differ by exactly the number of lines sent.
func Flood(config FloodConfig) (*FloodResult, error) {
	to, err := loopback(config.Publish)
	if err != nil {
		return nil, err
	}
	if config.PostTo != "" {
		return floodPosts(to, config)
	}
	p, err := dialPublisher(to, false)
	if err != nil {
		return nil, err
	}
	defer hangUp(p.fd)
	line := newTopic(0, 1, Split(0, 1)[0], pubLine, max(config.PayloadBytes, PayloadMin), 1).lines[0]
	first, err := p.publishOne(line, config.Drain)
	if err != nil {
		return nil, err
	}
	if !config.Replies {
		if _, err := p.ask("QUIET on\n", config.Drain); err != nil {
			return nil, err
		}
	}
	p.quiet, p.last = !config.Replies, first

	start := time.Now()
	sent, err := p.flood(bytes.Repeat(line, floodBlock), config.Measure, config.Drain)
	if err != nil {
		return nil, err
	}
	if !config.Replies {
		if _, err := p.ask("QUIET off\n", config.Drain); err != nil {
			return nil, err
		}
	}
	result := &FloodResult{Lines: sent, Elapsed: time.Since(start)}
	last, err := p.publishOne(line, config.Drain)
	if err != nil {
		return nil, err
	}
	if got := last - first - 1; got != sent {
		return nil, fmt.Errorf("%d lines were sent and the server counted %d", sent, got)
	}
	return result, nil
}

// floodPosts is Flood by HTTP POST. There are no sequence numbers, so it is the answers that are counted.
func floodPosts(to *unix.SockaddrInet4, config FloodConfig) (*FloodResult, error) {
	p, err := dialPoster(to)
	if err != nil {
		return nil, err
	}
	defer hangUp(p.fd)
	request := newTopic(0, 1, Split(0, 1)[0], post(config.PostTo), max(config.PayloadBytes, PayloadMin), 1).lines[0]
	start := time.Now()
	sent, err := p.flood(bytes.Repeat(request, floodBlock), config.Measure, config.Drain)
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
	return okSequence(bytes.TrimSpace([]byte(reply)))
}

// flood sends the block of lines again and again for d, finishes the block it is in, reads all OKs that are owed, and
// returns how many lines went out.
func (p *publisher) flood(block []byte, d, drain time.Duration) (uint64, error) {
	poller, err := rawio.NewPoller(1)
	if err != nil {
		return 0, err
	}
	defer poller.Close()
	if err := poller.Add(p.fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLET, publisherTag); err != nil {
		return 0, err
	}
	buf := make([]byte, readMax)
	var sent uint64
	end := time.Now().Add(d)
	for {
		now := time.Now()
		if len(p.out) == 0 && now.Before(end) {
			p.out = append(p.out, block...)
			sent += floodBlock
			if !p.quiet {
				p.oks += floodBlock
			}
		}
		if len(p.out) == 0 && p.oks == 0 {
			return sent, nil
		}
		if now.After(end.Add(drain)) {
			return 0, fmt.Errorf("publisher: %d lines were not answered %v after the end", p.oks, drain)
		}
		if err := p.flush(); err != nil {
			return 0, err
		}
		if err := p.read(buf); err != nil {
			return 0, err
		}
		if p.writable && len(p.out) == 0 && now.Before(end) {
			continue
		}
		events, err := poller.Wait(waitMax)
		if err != nil {
			return 0, err
		}
		p.writable = p.writable || len(events) > 0
	}
}
