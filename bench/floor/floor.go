package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// connsMax is how many descriptors the floor can use. conns is indexed by fd, as in a C program.
const connsMax = 1 << 16

// compactAt is the length of the log at which its served front is dropped although a subscriber
// lags. Each compaction doubles the next threshold, so that the cost of copying stays proportional
// to the published bytes.
const compactAt = 1 << 20

type kind uint8

const (
	unused        kind = iota
	listenSubs         // accepts subscribers
	listenPubs         // accepts publishers
	head               // a subscriber with an incomplete request
	subscriber         // receives the log
	publisherConn      // sends lines
)

// conn is one descriptor's state.
type conn struct {
	kind    kind
	blocked bool // subscriber: the socket is full, waiting for EPOLLOUT
	newline uint8
	slot    int32  // subscriber: its index in floor.subs
	at      uint64 // subscriber: its position in the log, in bytes since the start
	pub     *publisher
}

type floor struct {
	poller *rawio.Poller
	conns  []conn  // by fd
	subs   []int32 // fds of the subscribers, dense

	log       []byte // frames; log[0] is byte number base since the start
	base      uint64
	compactAt int
	logMax    int
	sequence  uint64 // PUB lines accepted
}

func newFloor(subscribers, publishers, logMax int) (*floor, error) {
	poller, err := rawio.NewPoller(1024)
	if err != nil {
		return nil, err
	}
	f := &floor{poller: poller, conns: make([]conn, connsMax), compactAt: compactAt, logMax: logMax}
	f.conns[subscribers].kind = listenSubs
	f.conns[publishers].kind = listenPubs
	for _, fd := range []int{subscribers, publishers} {
		if err := poller.Add(fd, unix.EPOLLIN, int32(fd)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// serve is the loop: it reads everything that is ready, and then writes once to each subscriber
// that is not blocked.
func (f *floor) serve() error {
	for {
		events, err := f.poller.Wait(-1)
		if err != nil {
			return err
		}
		end := f.end()
		for i := range events {
			if err := f.handle(int(events[i].Fd), events[i].Events); err != nil {
				return err
			}
		}
		if f.end() != end {
			f.pass()
		}
		f.trim()
	}
}

func (f *floor) handle(fd int, ready uint32) error {
	switch c := &f.conns[fd]; c.kind {
	case listenSubs:
		return f.accept(fd, head)
	case listenPubs:
		return f.accept(fd, publisherConn)
	case head:
		f.readHead(fd, c)
	case subscriber:
		if ready&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 && !f.stillThere(fd) {
			f.close(fd)
			return nil
		}
		if ready&unix.EPOLLOUT != 0 {
			f.unblock(fd, c)
		}
	case publisherConn:
		f.servePublisher(fd, c.pub, ready)
	case unused:
		// Closed earlier in this batch of events.
	}
	return nil
}

func (f *floor) accept(listener int, as kind) error {
	for {
		fd, errno := rawio.Accept(listener)
		switch errno {
		case 0:
		case unix.EAGAIN:
			return nil
		case unix.ECONNABORTED:
			continue
		default:
			return fmt.Errorf("accept: %w", errno)
		}
		if fd >= connsMax {
			rawio.Close(fd)
			continue
		}
		f.conns[fd] = conn{kind: as}
		if as == publisherConn {
			f.conns[fd].pub = newPublisher()
		}
		if err := f.poller.Add(fd, unix.EPOLLIN, int32(fd)); err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
	}
}

func (f *floor) close(fd int) {
	if c := &f.conns[fd]; c.kind == subscriber {
		last := f.subs[len(f.subs)-1]
		f.subs[c.slot] = last
		f.conns[last].slot = c.slot
		f.subs = f.subs[:len(f.subs)-1]
	}
	f.conns[fd] = conn{}
	rawio.Close(fd)
}

// end returns the length of the log since the start.
func (f *floor) end() uint64 { return f.base + uint64(len(f.log)) }

// trim drops the part of the log that every subscriber has received. If no subscriber lags, which
// is nearly always, this is the whole log.
func (f *floor) trim() {
	if len(f.log) == 0 {
		return
	}
	// Reading every cursor costs more than a pass needs, so do it only if it can free memory.
	oldest := f.end()
	for _, fd := range f.subs {
		if at := f.conns[fd].at; at < oldest {
			oldest = at
			if len(f.log) < f.compactAt {
				return
			}
		}
	}
	kept := copy(f.log, f.log[oldest-f.base:])
	f.log = f.log[:kept]
	f.base = oldest
	f.compactAt = max(compactAt, 2*kept)
	for len(f.log) > f.logMax && f.closeFurthestBehind() {
		f.trim()
	}
}

// closeFurthestBehind closes the subscriber that keeps the log from being trimmed. It prints a
// line, because the results of a floor that drops bytes are not valid.
func (f *floor) closeFurthestBehind() bool {
	if len(f.subs) == 0 {
		return false
	}
	furthest := f.subs[0]
	for _, fd := range f.subs {
		if f.conns[fd].at < f.conns[furthest].at {
			furthest = fd
		}
	}
	fmt.Fprintf(os.Stderr, "floor: subscriber %d closed: %d bytes behind\n", furthest, f.end()-f.conns[furthest].at)
	f.close(int(furthest))
	return true
}
