package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// lineBytesMax limits the memory for one line of standard input. It is far above what a daemon
	// usually accepts, so users usually meet the daemon's own limit first, and the error names
	// --data-max.
	lineBytesMax = 64 << 20
	// lineBytesKept is the largest buffer that is kept for later long lines.
	lineBytesKept = 1 << 20
)

// errLineTooLong is returned for a line that is longer than lineBytesMax. The rest of the line is
// skipped.
var errLineTooLong = fmt.Errorf("longer than %v: is it text?", byteSize(lineBytesMax))

// A lineReader splits its input into lines.
type lineReader struct {
	in   *bufio.Reader
	long []byte // buffer for a line that is longer than in's buffer
	skip bool   // the rest of the last line must be skipped
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10)}
}

// next returns the next line without its LF or CR LF. The slice is valid until the next call. The
// last line may lack its LF. The error is io.EOF at the end of the input. It is errLineTooLong for
// a line of more than lineBytesMax bytes; the next call continues with the following line.
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

// skipRest reads to the end of a line that was too long. It needs no memory, however long the line
// is.
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
