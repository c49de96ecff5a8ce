package sse

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// DecoderBytesMax is how much a Decoder takes for one event unless it is told
// otherwise: more than any message of a daemon with default limits.
const DecoderBytesMax = 16 << 20

// An Event is what a stream says to its reader at one empty line.
type Event struct {
	Name  string // "message" where the stream gives none
	Data  string // its lines with LF between them
	ID    string // its own id, if HasID; the decoder knows the last one
	HasID bool
}

// A TooLongError is a line or an event that takes more than a Decoder may keep.
type TooLongError struct {
	What     string // "line" or "event"
	BytesMax int
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("the stream holds one %s of more than %d bytes", e.What, e.BytesMax)
}

// A Decoder reads an event stream as a browser does (HTML section 9.2.6), in
// whatever pieces it comes. One Decoder reads one connection: an event that the end
// of the stream leaves unfinished never was. The zero value is ready.
type Decoder struct {
	// BytesMax bounds a line, and the data of an event; 0 is the default.
	BytesMax int

	line    []byte // an unfinished one of the pieces before
	begun   bool   // the first line, which may have a byte order mark, is past
	afterCR bool   // a LF that comes next belongs to the line end before it

	name, data []byte
	id         string // what the next empty line makes the last id
	hasID      bool   // since the last empty line
	lastID     string
	retry      int64
	hasRetry   bool
}

// LastEventID is what to send as Last-Event-ID on coming back: the id that was in
// force at the last empty line.
func (d *Decoder) LastEventID() string { return d.lastID }

// ResumeFrom gives the id with which the stream was asked for: it holds until the
// stream has another.
func (d *Decoder) ResumeFrom(id string) { d.id, d.lastID = id, id }

// Retry is the last reconnection time of the stream, if it had one.
func (d *Decoder) Retry() (milliseconds int64, ok bool) { return d.retry, d.hasRetry }

// Feed reads a piece of the stream and gives each event that it completes. If each
// returns an error, Feed returns it with the number of bytes up to the end of that
// event. A *TooLongError leaves the decoder of no further use.
func (d *Decoder) Feed(piece []byte, each func(Event) error) (n int, err error) {
	if d.BytesMax == 0 {
		d.BytesMax = DecoderBytesMax
	}
	for n < len(piece) {
		rest := piece[n:]
		if d.afterCR && rest[0] == '\n' {
			d.afterCR = false
			n++
			continue
		}
		d.afterCR = false
		end := lineEnd(rest)
		part := rest
		if end >= 0 {
			part = rest[:end]
		}
		if len(d.line)+len(part) > d.BytesMax+len("event: ") {
			return n, &TooLongError{"line", d.BytesMax}
		}
		if end < 0 {
			d.line = append(d.line, part...)
			return len(piece), nil
		}
		n += end + 1
		d.afterCR = rest[end] == '\r' // it ends the line now: nothing more may come for long
		if len(d.line) > 0 {
			part = append(d.line, part...)
			d.line = part[:0]
		}
		if err := d.take(part, each); err != nil {
			return n, err
		}
	}
	return n, nil
}

// take reads one whole line.
func (d *Decoder) take(line []byte, each func(Event) error) error {
	if !d.begun {
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
		d.begun = true
	}
	if len(line) == 0 {
		return d.dispatch(each)
	}
	field, value, _ := bytes.Cut(line, []byte(":")) // a comment has no name, as no field does
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		d.name = appendDecoded(d.name[:0], value)
	case "data":
		d.data = append(appendDecoded(d.data, value), '\n')
		if len(d.data) > d.BytesMax+1 {
			return &TooLongError{"event", d.BytesMax}
		}
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			d.id, d.hasID = string(appendDecoded(nil, value)), true
		}
	case "retry":
		d.takeRetry(value)
	}
	return nil
}

// takeRetry reads ASCII digits, and nothing else; more of them than a number holds
// are a very long time.
func (d *Decoder) takeRetry(value []byte) {
	for _, c := range value {
		if c < '0' || c > '9' {
			return
		}
	}
	if len(value) == 0 {
		return
	}
	milliseconds, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		milliseconds = math.MaxInt64
	}
	d.retry, d.hasRetry = milliseconds, true
}

// dispatch ends a block. One without data is no event, but its id counts.
func (d *Decoder) dispatch(each func(Event) error) error {
	d.lastID = d.id
	event := Event{Name: string(d.name), HasID: d.hasID}
	if event.HasID {
		event.ID = d.id
	}
	if event.Name == "" {
		event.Name = "message"
	}
	data := d.data
	d.name, d.data, d.hasID = d.name[:0], d.data[:0], false
	if len(data) == 0 {
		return nil
	}
	event.Data = string(data[:len(data)-1])
	return each(event)
}

// appendDecoded appends text with U+FFFD for what is not UTF-8: one for each
// longest beginning of a character (Encoding Standard, "UTF-8 decoder"). No
// character holds a line end, so lines can be decoded one by one.
func appendDecoded(dst, text []byte) []byte {
	if utf8.Valid(text) {
		return append(dst, text...)
	}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r != utf8.RuneError || size > 1 {
			dst = append(dst, text[:size]...)
			text = text[size:]
			continue
		}
		// What could go on to be a character is not "full": it is replaced as one.
		for size < len(text) && !utf8.FullRune(text[:size+1]) {
			size++
		}
		dst = utf8.AppendRune(dst, utf8.RuneError)
		text = text[size:]
	}
	return dst
}
