package main

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// lineMax is the longest line that the floor accepts, and the size of a publisher's buffer.
const lineMax = 256 << 10

// publisher is the state of one publishing connection.
type publisher struct {
	in     []byte // lineMax bytes
	have   int    // bytes of in that contain the start of a line
	out    []byte // replies that the kernel has not accepted yet
	quiet  bool
	writes bool // waiting for EPOLLOUT instead of EPOLLIN, because the publisher does not read its replies
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

// lines handles every complete line of b and returns the rest.
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

// line executes one line: PUB <namespace> <event> <data>, or QUIET on|off. It skips the namespace
// without a check.
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

// reply writes the pending replies. The floor reads nothing more from this publisher until the
// kernel has accepted all of them.
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
