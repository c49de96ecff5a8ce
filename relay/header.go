package relay

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/ssed/ssed/sse"
)

// What a message carries beside its data. Data is the payload as it is; where both
// of these are empty there is no header at all, as with "nats pub".
const (
	// eventHeader has the event's name, with some bytes written as "%" and two hex
	// digits; see encodeEvent.
	eventHeader = "Ssed-Event"
	// keyHeader has the publisher's key as it is, for a key holds no space and no
	// control character. The stream takes a key once within its duplicate window.
	keyHeader = "Nats-Msg-Id"
)

// newHeader returns what a message carries, or nil. The client writes a header
// faithfully but for spaces and tabs at a value's ends, which it drops, and line
// breaks, which it makes spaces; an encoded event has neither.
func newHeader(event, key string) nats.Header {
	switch {
	case event == "" && key == "":
		return nil
	case key == "":
		return nats.Header{eventHeader: {encodeEvent(event)}}
	case event == "":
		return nats.Header{keyHeader: {key}}
	}
	return nats.Header{eventHeader: {encodeEvent(event)}, keyHeader: {key}}
}

// eventOf returns the event's name in a message's header, the first if there are
// several; none is none. Errors wrap sse.ErrEvent.
func eventOf(header nats.Header) (string, error) { return decodeEvent(header.Get(eventHeader)) }

// encodeEvent writes an event name that sse.CheckEvent accepts as a header's value:
// "%", control bytes, and spaces at its ends are escaped. Most names stay as they are.
func encodeEvent(event string) string {
	if !strings.ContainsFunc(event, func(r rune) bool { return r == '%' || r < ' ' || r == 0x7F }) &&
		strings.Trim(event, " ") == event {
		return event
	}
	value := make([]byte, 0, 3*len(event))
	for i := range len(event) {
		c := event[i]
		atEnd := strings.Trim(event[:i], " ") == "" || strings.Trim(event[i:], " ") == ""
		if c == '%' || c < ' ' || c == 0x7F || c == ' ' && atEnd {
			value = append(value, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			value = append(value, c)
		}
	}
	return string(value)
}

// decodeEvent is the way back. Other programs write event names, too, and few of
// them escape: a "%" that no two hex digits follow is one. Errors wrap sse.ErrEvent.
func decodeEvent(value string) (string, error) {
	event := value
	if first := strings.IndexByte(value, '%'); first >= 0 {
		plain := append(make([]byte, 0, len(value)), value[:first]...)
		for rest := value[first:]; rest != ""; {
			c, n := rest[0], 1
			if c == '%' {
				c, n = unescape(rest)
			}
			plain, rest = append(plain, c), rest[n:]
		}
		event = string(plain)
	}
	if err := sse.CheckEvent(event); err != nil {
		return "", fmt.Errorf("header %s: %w", eventHeader, err)
	}
	return event, nil
}
