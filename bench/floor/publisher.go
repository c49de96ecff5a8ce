package main

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// lineMax is the longest line the floor takes, and so how much of a publisher's bytes it reads at
// once.
const lineMax = 256 << 10

// publisher is the state of one publishing connection.
type publisher struct {
	in     []byte // lineMax of room
	have   int    // bytes of in that hold the start of a line
	out    []byte // replies the kernel did not take yet
	quiet  bool
	writes bool // EPOLLOUT is asked for instead of EPOLLIN: a publisher that does not read its replies is not read from
}

func newPublisher() *publisher { return &publisher{in: make([]byte, lineMax)} }

func (f *floor) servePublisher(fd int, p *publisher, ready uint32) {
	if ready&unix.EPOLLOUT != 0 {
		f.reply(fd, p)
		return
	}
	n, errno := rawio.Read(fd, p.in[p.have:])
	if errno == unix.EAGAIN {
		return
	}
	if n == 0 {
		f.close(fd)
		return
	}
	p.have += n
	left := f.lines(p, p.in[:p.have])
	if len(left) == len(p.in) {
		f.close(fd) // a line longer than lineMax
		return
	}
	p.have = copy(p.in, left)
	if len(p.out) > 0 {
		f.reply(fd, p)
	}
}

// lines takes every whole line of b and returns the rest.
func (f *floor) lines(p *publisher, b []byte) []byte {
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return b
		}
		f.line(p, b[:end])
		b = b[end+1:]
	}
}

// line does what one line asks for: PUB <namespace> <event> <data>, QUIET on|off. The namespace is
// skipped, not looked at.
func (f *floor) line(p *publisher, line []byte) {
	if len(line) < 4 || line[0] != 'P' {
		p.quiet = string(line) == "QUIET on"
		p.out = append(p.out, "OK\n"...)
		return
	}
	rest := line[4:]
	rest = rest[bytes.IndexByte(rest, ' ')+1:]
	space := bytes.IndexByte(rest, ' ')
	if space < 0 {
		p.out = append(p.out, "ERR syntax PUB needs a namespace, an event and data\n"...)
		return
	}
	if event := rest[:space]; string(event) != "-" {
		f.log = append(f.log, "event:"...)
		f.log = append(f.log, event...)
		f.log = append(f.log, '\n')
	}
	f.log = append(f.log, "data:"...)
	f.log = append(f.log, rest[space+1:]...)
	f.log = append(f.log, '\n', '\n')
	f.sequence++
	if !p.quiet {
		p.out = append(p.out, "OK "...)
		p.out = strconv.AppendUint(p.out, f.sequence, 10)
		p.out = append(p.out, '\n')
	}
}

// reply writes what is owed. Until the kernel has taken it all, nothing more is read from this
// publisher.
func (f *floor) reply(fd int, p *publisher) {
	n, errno := rawio.Write(fd, p.out)
	if errno != 0 && errno != unix.EAGAIN {
		f.close(fd)
		return
	}
	p.out = p.out[:copy(p.out, p.out[n:])]
	if waits := len(p.out) > 0; waits != p.writes {
		p.writes = waits
		if waits {
			f.watch(fd, unix.EPOLLOUT)
		} else {
			f.watch(fd, unix.EPOLLIN)
		}
	}
}
