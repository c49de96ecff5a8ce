package load

import (
	"bytes"
	"fmt"
)

// scanner finds payloads in a stream of bytes, independent of the bytes between them and of the
// places where reads split the stream.
type scanner struct {
	filler []byte // the end of every payload
	carry  []byte // the received part of an incomplete payload; its capacity is the size of a payload
	chunks *dechunker
}

// newScanner returns a scanner for payloads of the same size and filler as the sample.
func newScanner(sample []byte, chunked bool) *scanner {
	s := &scanner{filler: sample[fillerAt:], carry: make([]byte, 0, len(sample))}
	if chunked {
		s.chunks = &dechunker{}
	}
	return s
}

// feed scans the next bytes of the stream and calls each for every payload that they complete. It
// may overwrite b.
func (s *scanner) feed(b []byte, each func(seq uint64, at int64) error) error {
	if s.chunks != nil {
		var err error
		if b, err = s.chunks.strip(b); err != nil {
			return err
		}
	}
	size := cap(s.carry)
	if len(s.carry) > 0 {
		take := min(size-len(s.carry), len(b))
		s.carry = append(s.carry, b[:take]...)
		b = b[take:]
		if len(s.carry) < size {
			return nil
		}
		if err := s.payload(s.carry, each); err != nil {
			return err
		}
		s.carry = s.carry[:0]
	}
	for {
		at := bytes.IndexByte(b, marker)
		if at < 0 {
			return nil
		}
		b = b[at:]
		if len(b) < size {
			s.carry = append(s.carry, b...)
			return nil
		}
		if err := s.payload(b[:size], each); err != nil {
			return err
		}
		b = b[size:]
	}
}

func (s *scanner) payload(b []byte, each func(seq uint64, at int64) error) error {
	seq, at, err := readPayload(b, s.filler)
	if err != nil {
		return err
	}
	return each(seq, at)
}

// dechunker removes the chunk lines from an HTTP/1.1 chunked body (RFC 9112 section 7.1). A chunk
// may end anywhere, even inside a payload, so the scanner cannot skip over the lines. Event streams
// have no trailers.
type dechunker struct {
	state chunkState
	left  int // remaining bytes of the chunk, or its size as parsed so far
}

type chunkState uint8

const (
	chunkSize      chunkState = iota // in the digits
	chunkExtension                   // after the digits, up to LF
	chunkData                        // in the bytes
	chunkEnd                         // in the CRLF after the bytes
)

// strip moves the body's bytes to the front of b and returns them.
func (d *dechunker) strip(b []byte) ([]byte, error) {
	out := 0
	for i := 0; i < len(b); {
		c := b[i]
		switch d.state {
		case chunkSize:
			digit := hex(c)
			switch {
			case digit >= 0 && d.left < 1<<40:
				d.left = d.left<<4 | digit
			case c == '\n':
				d.state = chunkData
			case c == ';' || c == '\r':
				d.state = chunkExtension
			default:
				return nil, fmt.Errorf("invalid character %q in a chunk size", c)
			}
			i++
		case chunkExtension:
			if c == '\n' {
				d.state = chunkData
			}
			i++
		case chunkData:
			n := min(d.left, len(b)-i)
			copy(b[out:], b[i:i+n])
			out, i, d.left = out+n, i+n, d.left-n
			if d.left == 0 {
				d.state = chunkEnd
			}
		case chunkEnd:
			if c == '\n' {
				d.state = chunkSize
			}
			i++
		}
	}
	return b[:out], nil
}

func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
