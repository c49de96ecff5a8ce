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

// publisherTag marks the publisher's events, and the numbers below it those of a crowd's other
// publishers; subscribers are numbered from 0.
const publisherTag = -1

// askTimeout is how long a server may take for one reply when it has nothing else to do.
const askTimeout = 10 * time.Second

// publisher is the connection that lines go out on.
type publisher struct {
	fd       int
	out      []byte // lines the kernel did not take yet, from sent on
	sent     int
	writable bool   // the kernel took all, so far
	replies  []byte // the start of a reply line
	quiet    bool
	among    bool   // others publish, too: OK numbers rise, but not by one
	oks      uint64 // OKs owed
	last     uint64 // the sequence number in the last OK, 0 before the first
	// responses is for a server that is published to by HTTP POST; it answers with those in place
	// of OKs.
	responses *responses
}

// dialPublisher connects to the publishers' side and, if quiet, asks for no OKs.
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

// ask sends one line and waits for its reply line. It is for before and after a run, not for
// within.
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
			return "", fmt.Errorf("publisher: connection ended (%v) after %q", errno, line)
		}
		reply = append(reply, buf[:n]...)
		if bytes.HasSuffix(reply, []byte("\n")) {
			if !bytes.HasPrefix(reply, []byte("OK")) {
				return "", fmt.Errorf("publisher: %q was answered %q", line, reply)
			}
			return string(reply), nil
		}
	}
	return "", fmt.Errorf("publisher: no answer to %q in %v", line, limit)
}

// flush hands the kernel what it takes.
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

// read takes all replies that are there and checks every one: an OK is owed, and each number is the
// one after the last.
func (p *publisher) read(buf []byte) error {
	for {
		n, errno := rawio.Read(p.fd, buf)
		if errno == unix.EAGAIN {
			return nil
		}
		if n == 0 {
			return fmt.Errorf("publisher: the server ended the connection (%v)", errno)
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

func (p *publisher) reply(line []byte) error {
	seq, err := okSequence(line)
	switch {
	case err != nil:
		return fmt.Errorf("publisher: reply %.100q: %w", line, err)
	case p.oks == 0:
		return fmt.Errorf("publisher: reply %.100q, and none is owed", line)
	case p.last != 0 && seq != p.last+1 && !(p.among && seq > p.last):
		return fmt.Errorf("publisher: OK %d follows OK %d", seq, p.last)
	}
	p.last = seq
	p.oks--
	return nil
}

var errNoSequence = errors.New("want OK and a number")

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
