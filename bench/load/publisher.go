package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/rawio"
)

// publisherTag marks the events of the publisher. The numbers below it mark the other publishers of
// a crowd. Subscribers are numbered from 0.
const publisherTag = -1

// askTimeout is how long a server may take for one reply when it has no other work.
const askTimeout = 10 * time.Second

// publisher is a connection that messages are published on.
type publisher struct {
	fd       int
	out      []byte // queued lines; the kernel has accepted the first sent bytes
	sent     int
	writable bool   // the kernel has accepted everything so far
	replies  []byte // the received part of an incomplete reply line
	quiet    bool
	among    bool   // others publish, too, so OK numbers rise, but not by one
	oks      uint64 // OKs that are pending
	last     uint64 // the sequence number in the last OK, 0 before the first
	// responses is set for a server that accepts messages by HTTP POST. Such a server sends HTTP
	// responses and not OKs.
	responses *responses
}

// dialPublisher connects to the server's publishing side. If quiet is set, it turns OKs off.
func dialPublisher(to *unix.SockaddrInet4, quiet bool) (*publisher, error) {
	fd, err := dial(to, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("publisher: connect: %w", err)
	}
	p := &publisher{fd: fd, writable: true}
	if quiet {
		if _, err := p.ask("QUIET on\n", askTimeout); err != nil {
			hangUp(fd)
			return nil, err
		}
		p.quiet = true
	}
	return p, nil
}

// ask sends one line and waits for the reply line. Use it only before and after a run, because it
// sleeps.
func (p *publisher) ask(line string, limit time.Duration) (string, error) {
	p.out = append(p.out[:0], line...)
	p.sent, p.writable = 0, true
	var reply []byte
	buf := make([]byte, 256)
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		p.writable = true
		if err := p.flush(); err != nil {
			return "", err
		}
		n, errno := rawio.Read(p.fd, buf)
		if errno == unix.EAGAIN || errno == unix.ENOTCONN {
			continue
		}
		if n == 0 {
			return "", fmt.Errorf("publisher: the server closed the connection (%v) after %q", errno, line)
		}
		reply = append(reply, buf[:n]...)
		if bytes.HasSuffix(reply, []byte("\n")) {
			if !bytes.HasPrefix(reply, []byte("OK")) {
				return "", fmt.Errorf("publisher: answer to %q is %q, expected OK", line, reply)
			}
			return string(reply), nil
		}
	}
	return "", fmt.Errorf("publisher: no answer to %q in %v", line, limit)
}

// flush writes as many queued bytes as the kernel accepts.
func (p *publisher) flush() error {
	for p.writable && p.sent < len(p.out) {
		n, errno := rawio.Write(p.fd, p.out[p.sent:])
		switch {
		case errno == unix.EAGAIN || errno == unix.ENOTCONN:
			p.writable = false
		case errno != 0:
			return fmt.Errorf("publisher: write: %w", errno)
		}
		p.sent += n
	}
	if p.sent == len(p.out) {
		p.out, p.sent = p.out[:0], 0
	}
	return nil
}

// read reads all available replies and checks each of them. An OK must be pending, and each
// sequence number must be the next after the last.
func (p *publisher) read(buf []byte) error {
	for {
		n, errno := rawio.Read(p.fd, buf)
		if errno == unix.EAGAIN {
			return nil
		}
		if n == 0 {
			return fmt.Errorf("publisher: the server closed the connection (%v)", errno)
		}
		if p.responses != nil {
			err := p.responses.feed(buf[:n], p.posted)
			if err != nil {
				return err
			}
		} else if err := p.take(buf[:n]); err != nil {
			return err
		}
	}
}

// take splits replies into lines.
func (p *publisher) take(b []byte) error {
	if len(p.replies) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			p.replies = append(p.replies, b...)
			return nil
		}
		p.replies = append(p.replies, b[:end]...)
		if err := p.reply(p.replies); err != nil {
			return err
		}
		p.replies, b = p.replies[:0], b[end+1:]
	}
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			p.replies = append(p.replies, b...)
			return nil
		}
		if err := p.reply(b[:end]); err != nil {
			return err
		}
		b = b[end+1:]
	}
}

// reply checks one reply line.
func (p *publisher) reply(line []byte) error {
	seq, err := okSequence(line)
	switch {
	case err != nil:
		return fmt.Errorf("publisher: reply %.100q: %w", line, err)
	case p.oks == 0:
		return fmt.Errorf("publisher: unexpected reply %.100q", line)
	case p.last != 0 && seq != p.last+1 && !(p.among && seq > p.last):
		return fmt.Errorf("publisher: OK %d follows OK %d", seq, p.last)
	}
	p.last = seq
	p.oks--
	return nil
}

var errNoSequence = errors.New("expected OK and a number")

// okSequence returns the number in "OK 17".
func okSequence(line []byte) (uint64, error) {
	const prefix = "OK "
	if len(line) <= len(prefix) || string(line[:len(prefix)]) != prefix {
		return 0, errNoSequence
	}
	seq, err := strconv.ParseUint(string(line[len(prefix):]), 10, 64)
	if err != nil {
		return 0, errNoSequence
	}
	return seq, nil
}
