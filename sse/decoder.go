package sse

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// DecoderBytesMax is the default of Decoder.BytesMax, in bytes. It is larger than any message of a
// daemon with default limits.
const DecoderBytesMax = 16 << 20

// An Event is the event that a browser would dispatch at an empty line of the stream (HTML section
// 9.2.6).
type Event struct {
	Name  string // "message" if the stream sets no name
	Data  string // the lines of data, joined by LF
	ID    string // the event's own id if HasID is set, otherwise empty: see LastEventID
	HasID bool   // the event has an id, which may be empty
}

// A TooLongError reports a line or an event that exceeds the Decoder's limit.
type TooLongError struct {
	What     string // "line" or "event"
	BytesMax int    // the limit, Decoder.BytesMax, in bytes
}

// Error implements error.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("%s too long: more than %d bytes", e.What, e.BytesMax)
}

// A Decoder parses an event stream as a browser does (HTML section 9.2.6). The stream may arrive in
// pieces of any size. Use one Decoder per connection. If the stream ends in the middle of an event,
// the event is dropped, as the standard requires. The zero Decoder is ready to use.
type Decoder struct {
	// BytesMax limits the length of a line, and of the data of an event, in bytes. 0 means
	// DecoderBytesMax.
	BytesMax int

	line    []byte // the beginning of an unfinished line
	begun   bool   // the first line, which may have a byte order mark, was parsed
	afterCR bool   // the last line ended in CR, so an LF at this point belongs to that line end

	name, data []byte
	id         string // becomes lastID at the next empty line
	hasID      bool   // an id was set since the last empty line
	lastID     string
	retry      int64
	hasRetry   bool
}

// LastEventID returns the value for the Last-Event-ID header of the next request, which is the id
// at the last empty line. It is empty if there was no id.
func (d *Decoder) LastEventID() string { return d.lastID }

// ResumeFrom sets the id that was sent in the request for the stream. LastEventID returns it until
// the stream contains another one.
func (d *Decoder) ResumeFrom(id string) { d.id, d.lastID = id, id }

// Retry returns the stream's last reconnection time. ok is false if the stream has not set one.
func (d *Decoder) Retry() (milliseconds int64, ok bool) { return d.retry, d.hasRetry }

// Feed parses the next piece of the stream and calls each for every event that the piece completes.
// It returns len(piece) if there is no error. If each returns an error, Feed returns that error and
// the number of bytes up to the end of that event, so the caller can continue after it. If a line
// or an event is too long, Feed returns a *TooLongError. The Decoder must not be used after that.
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
		// A CR ends the line now, because the next byte may not arrive for a long time.
		d.afterCR = rest[end] == '\r'
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

// take parses one complete line, without its line end.
func (d *Decoder) take(line []byte, each func(Event) error) error {
	if !d.begun {
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
		d.begun = true
	}
	if len(line) == 0 {
		return d.dispatch(each)
	}
	field, value, _ := bytes.Cut(line, []byte(":")) // a comment is a line with an empty field name
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

// takeRetry parses a number of ASCII digits, and ignores any other value. A number that does not
// fit into an int64 becomes the largest int64.
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

// dispatch handles an empty line, which ends a block. A block without data is not an event, but its
// id counts.
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

// appendDecoded appends text and replaces invalid UTF-8 by U+FFFD: one for each longest prefix of a
// character (Encoding Standard, "UTF-8 decoder"). No character contains a line end, so lines can be
// decoded one by one.
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
		// Bytes that are a prefix of a character are replaced together. FullRune is false for them.
		for size < len(text) && !utf8.FullRune(text[:size+1]) {
			size++
		}
		dst = utf8.AppendRune(dst, utf8.RuneError)
		text = text[size:]
	}
	return dst
}
