package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// dialPoster connects to a server that is published to by HTTP POST. Requests are pipelined (RFC
// 9112 section 9.3.2), and every one is answered.
func dialPoster(to *unix.SockaddrInet4) (*publisher, error) {
	fd, err := dial(to, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("publisher: connect: %w", err)
	}
	return &publisher{fd: fd, writable: true, responses: &responses{}}, nil
}

// posted takes the head of one response: a success, and one that is owed.
func (p *publisher) posted(head []byte) error {
	switch {
	case !bytes.HasPrefix(head, []byte("HTTP/1.1 2")):
		return fmt.Errorf("publisher: answered %.200q", head)
	case p.oks == 0:
		return fmt.Errorf("publisher: answered %.100q, and no answer is owed", head)
	}
	p.oks--
	return nil
}

// responses takes a stream of HTTP/1.1 responses apart.
type responses struct {
	head []byte // the start of a head whose rest has not come
	body int    // bytes of the current body that have not come
}

var endOfHead = []byte("\r\n\r\n")

// feed takes the next bytes of the stream and calls each with every head that they complete.
func (r *responses) feed(b []byte, each func(head []byte) error) error {
	const headMax = 8 << 10
	for {
		skipped := min(r.body, len(b))
		r.body -= skipped
		if b = b[skipped:]; len(b) == 0 {
			return nil
		}
		if len(r.head) > 0 { // its end may lie across the border
			r.head = append(r.head, b...)
			b, r.head = r.head, nil
		}
		head, rest, complete := bytes.Cut(b, endOfHead)
		if !complete {
			if len(b) > headMax {
				return fmt.Errorf("publisher: no end of a response's head in %d bytes", len(b))
			}
			r.head = bytes.Clone(b)
			return nil
		}
		var err error
		if r.body, err = contentLength(head); err != nil {
			return fmt.Errorf("publisher: answered %.200q: %w", head, err)
		}
		if err := each(head); err != nil {
			return err
		}
		b = rest
	}
}

var errNoLength = errors.New("want a Content-Length")

// contentLength returns the size of the body behind a head.
func contentLength(head []byte) (int, error) {
	for line := range bytes.Lines(head) {
		name, what, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			n, err := strconv.Atoi(string(bytes.TrimSpace(what)))
			if err != nil || n < 0 {
				return 0, errNoLength
			}
			return n, nil
		}
	}
	if bytes.HasPrefix(head, []byte("HTTP/1.1 204")) { // has none (RFC 9110 section 8.6)
		return 0, nil
	}
	return 0, errNoLength
}
