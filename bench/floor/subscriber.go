package main

import (
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// answer is the response head for every subscriber, independent of the request.
var answer = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n")

// scratch holds requests, and bytes that subscribers send later, which are ignored. One buffer is
// enough for one thread.
var scratch [4096]byte

// readHead reads until the blank line that ends a request. newline counts how much of "\r\n\r\n"
// the last bytes match.
func (f *floor) readHead(fd int, c *conn) {
	n, errno := rawio.Read(fd, scratch[:])
	if errno == unix.EAGAIN {
		return
	}
	if n == 0 {
		f.close(fd)
		return
	}
	for _, b := range scratch[:n] {
		switch {
		case b == "\r\n\r\n"[c.newline]:
			c.newline++
		case b == '\r':
			c.newline = 1
		default:
			c.newline = 0
		}
		if c.newline == 4 {
			f.join(fd, c)
			return
		}
	}
}

// join turns fd into a subscriber of everything published from now on. A new socket accepts a short
// head in one write, unless it is broken.
func (f *floor) join(fd int, c *conn) {
	if n, _ := rawio.Write(fd, answer); n != len(answer) {
		f.close(fd)
		return
	}
	c.kind = subscriber
	c.at = f.end()
	c.slot = int32(len(f.subs))
	f.subs = append(f.subs, int32(fd))
}

// stillThere discards the bytes that a subscriber sent and reports whether it is still connected.
func (f *floor) stillThere(fd int) bool {
	n, errno := rawio.Read(fd, scratch[:])
	return n > 0 || errno == unix.EAGAIN
}

// pass sends every subscriber the bytes that it has not received. It goes from the last to the
// first, because a failing write removes the subscriber and moves the last one into its slot.
func (f *floor) pass() {
	for i := len(f.subs) - 1; i >= 0; i-- {
		fd := int(f.subs[i])
		if c := &f.conns[fd]; !c.blocked {
			f.pump(fd, c)
		}
	}
}

// pump writes once from the cursor to the end of the log. Bytes that the kernel does not accept
// wait for EPOLLOUT.
func (f *floor) pump(fd int, c *conn) {
	rest := f.log[c.at-f.base:]
	if len(rest) == 0 {
		return
	}
	n, errno := rawio.Write(fd, rest)
	if errno != 0 && errno != unix.EAGAIN {
		f.close(fd)
		return
	}
	c.at += uint64(n)
	if n < len(rest) {
		c.blocked = true
		f.watch(fd, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

func (f *floor) unblock(fd int, c *conn) {
	c.blocked = false
	f.pump(fd, c)
	if c.kind == subscriber && !c.blocked {
		f.watch(fd, unix.EPOLLIN)
	}
}

// watch changes the events that fd is watched for. It cannot fail for an open and registered
// descriptor.
func (f *floor) watch(fd int, events uint32) {
	if err := f.poller.Change(fd, events, int32(fd)); err != nil {
		panic("floor: epoll rejected a registered descriptor: " + err.Error())
	}
}
