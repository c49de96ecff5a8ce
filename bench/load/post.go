package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// dialPoster connects to a server that accepts messages by HTTP POST. Requests are pipelined (RFC
// 9112 section 9.3.2), and the server answers each of them.
func dialPoster(to *unix.SockaddrInet4) (*publisher, error) {
	fd, err := dial(to, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("publisher: connect: %w", err)
	}
	return &publisher{fd: fd, writable: true, responses: &responses{}}, nil
}

// posted checks the head of one response. It must be a success, and an answer must be pending.
func (p *publisher) posted(head []byte) error {
	switch {
	case !bytes.HasPrefix(head, []byte("HTTP/1.1 2")):
		return fmt.Errorf("publisher: answered %.200q", head)
	case p.oks == 0:
		return fmt.Errorf("publisher: unexpected answer %.100q", head)
	}
	p.oks--
	return nil
}

// responses parses a stream of HTTP/1.1 responses.
type responses struct {
	head []byte // the received part of an incomplete head
	body int    // bytes of the current body that have not arrived
}

var endOfHead = []byte("\r\n\r\n")

// feed parses the next bytes of the stream and calls each with every head that they complete.
func (r *responses) feed(b []byte, each func(head []byte) error) error {
	const headMax = 8 << 10
	for {
		skipped := min(r.body, len(b))
		r.body -= skipped
		if b = b[skipped:]; len(b) == 0 {
			return nil
		}
		if len(r.head) > 0 { // the end of the head may be split over two reads
			r.head = append(r.head, b...)
			b, r.head = r.head, nil
		}
		head, rest, complete := bytes.Cut(b, endOfHead)
		if !complete {
			if len(b) > headMax {
				return fmt.Errorf("publisher: no end of a response head in %d bytes", len(b))
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

var errNoLength = errors.New("expected a Content-Length")

// contentLength returns the size of the body that follows a head.
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
	if bytes.HasPrefix(head, []byte("HTTP/1.1 204")) { // without a body (RFC 9110 section 8.6)
		return 0, nil
	}
	return 0, errNoLength
}
