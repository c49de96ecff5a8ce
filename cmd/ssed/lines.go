package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// lineBytesMax bounds the memory of one line of standard input. It is far above
	// what a daemon usually accepts: people meet the daemon's own limit (--data-max)
	// first, and the daemon's refusal names it.
	lineBytesMax = 64 << 20
	// lineBytesKept is the longest line whose memory is kept for the next long one.
	lineBytesKept = 1 << 20
)

// errLineTooLong is returned for a line that is not read to its end.
var errLineTooLong = fmt.Errorf("longer than %v: is it text?", byteSize(lineBytesMax))

// A lineReader splits its input into lines.
type lineReader struct {
	in   *bufio.Reader
	long []byte // a line that is longer than in's buffer
	skip bool   // the rest of the last line is still to be read
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10)}
}

// next returns the next line without its LF or CR LF; it is good until the next call.
// The last line may lack its LF. The error is io.EOF at the end of the input, and
// errLineTooLong for a line of more than lineBytesMax bytes, after which next goes on
// with the following line.
func (r *lineReader) next() ([]byte, error) {
	if err := r.skipRest(); err != nil {
		return nil, err
	}
	if cap(r.long) > lineBytesKept {
		r.long = nil
	}
	r.long = r.long[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		whole := err == nil
		switch {
		case len(r.long)+len(part) > lineBytesMax+len("\r\n"):
			r.skip = !whole
			return nil, errLineTooLong
		case errors.Is(err, bufio.ErrBufferFull):
			r.long = append(r.long, part...)
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(r.long)+len(part) == 0):
			return nil, err
		}
		if len(r.long) > 0 {
			r.long = append(r.long, part...)
			part = r.long
		}
		line := bytes.TrimSuffix(part, []byte("\n"))
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) > lineBytesMax {
			return nil, errLineTooLong
		}
		return line, nil
	}
}

// skipRest reads to the end of a line that was too long. A line without an end takes no
// memory.
func (r *lineReader) skipRest() error {
	for r.skip {
		_, err := r.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		r.skip = err != nil
	}
	return nil
}
