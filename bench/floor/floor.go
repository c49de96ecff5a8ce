package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// connsMax is how many descriptors the floor can hold: conns is indexed by fd, as a C program would
// do it.
const connsMax = 1 << 16

// compactAt is how long the log may get before its served front is dropped while somebody still
// lags. Each compaction doubles the next threshold, so that the copying stays in proportion to what
// is published.
const compactAt = 1 << 20

type kind uint8

const (
	unused        kind = iota
	listenSubs         // accepts subscribers
	listenPubs         // accepts publishers
	head               // a subscriber whose request is not whole yet
	subscriber         // gets the log
	publisherConn      // sends lines
)

// conn is one descriptor's state.
type conn struct {
	kind    kind
	blocked bool // subscriber: the socket is full, EPOLLOUT is asked for
	newline uint8
	slot    int32  // subscriber: its index in floor.subs
	at      uint64 // subscriber: how much of the log it had, counted from the log's birth
	pub     *publisher
}

type floor struct {
	poller *rawio.Poller
	conns  []conn  // by fd
	subs   []int32 // fds of the subscribers, dense

	log       []byte // frames; log[0] is byte number base since birth
	base      uint64
	compactAt int
	logMax    int
	sequence  uint64 // PUB lines taken
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

// serve is the loop: read everything that is ready, then one write per subscriber that can take it.
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

// end is the log's length since its birth.
func (f *floor) end() uint64 { return f.base + uint64(len(f.log)) }

// trim drops what every subscriber has had. With nobody behind, which is nearly always, that is
// everything.
func (f *floor) trim() {
	if len(f.log) == 0 {
		return
	}
	// Looking at every cursor costs more than a pass has to; it is done when it can gain something.
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

// closeFurthestBehind ends the subscriber that keeps the log from being trimmed. It is loud: a
// floor that drops bytes is no measure of anything.
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
