package sse

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// DecoderBytesMax is the default of Decoder.BytesMax, in bytes. No message of a daemon with
// default limits is as long.
const DecoderBytesMax = 16 << 20

// An Event is what an empty line of a stream dispatches (HTML section 9.2.6).
type Event struct {
	Name  string // "message" if the stream gives no name
	Data  string // the lines of data with LF between them
	ID    string // the event's own id if HasID is set, otherwise empty: see LastEventID
	HasID bool   // the event has an id, which may be empty
}

// A TooLongError reports a line or an event that exceeds the Decoder's limit.
type TooLongError struct {
	What     string // "line" or "event"
	BytesMax int    // the limit, Decoder.BytesMax, in bytes
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("the stream holds one %s of more than %d bytes", e.What, e.BytesMax)
}

// A Decoder parses an event stream as a browser does (HTML section 9.2.6). The stream may
// come in pieces of any size. One Decoder reads one connection. If the stream ends within
// an event, the event is dropped, as the standard says. The zero Decoder is ready to use.
type Decoder struct {
	// BytesMax limits a line, and the data of an event, in bytes. 0 means DecoderBytesMax.
	BytesMax int

	line    []byte // the beginning of an unfinished line
	begun   bool   // the first line, which may have a byte order mark, is past
	afterCR bool   // an LF that comes next belongs to the line end before it

	name, data []byte
	id         string // the next empty line makes it the last id
	hasID      bool   // an id has come since the last empty line
	lastID     string
	retry      int64
	hasRetry   bool
}

// LastEventID returns the value for the Last-Event-ID header of the next request: the id
// that was in force at the last empty line. It is empty if there was none.
func (d *Decoder) LastEventID() string { return d.lastID }

// ResumeFrom sets the id that the stream was requested with. It is the LastEventID until
// the stream has another one.
func (d *Decoder) ResumeFrom(id string) { d.id, d.lastID = id, id }

// Retry returns the stream's last reconnection time. ok is false if it had none.
func (d *Decoder) Retry() (milliseconds int64, ok bool) { return d.retry, d.hasRetry }

// Feed parses the next piece of the stream and calls each for every event that the piece
// completes. It returns len(piece) if nothing fails. If each returns an error, Feed returns
// that error and the number of bytes up to the end of that event, so the caller can go on
// behind it. If a line or an event is too long, it returns a *TooLongError; the Decoder
// must not be used any more then.
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

// take parses one whole line, without its line end.
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

// takeRetry parses ASCII digits, and ignores any other value. A number that does not fit
// into an int64 becomes the largest one.
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

// dispatch ends a block. A block without data is not an event, but its id counts.
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

// appendDecoded appends text and replaces invalid UTF-8 by U+FFFD: one for each longest
// beginning of a character (Encoding Standard, "UTF-8 decoder"). No character contains a
// line end, so lines can be decoded one by one.
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
		// Bytes that could begin a character are not a full rune: they are replaced as one.
		for size < len(text) && !utf8.FullRune(text[:size+1]) {
			size++
		}
		dst = utf8.AppendRune(dst, utf8.RuneError)
		text = text[size:]
	}
	return dst
}
