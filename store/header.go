package store

import (
	"fmt"
	"strings"
	"sync"

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

// headersKept is how many events' headers are kept: more than publishers use names.
const headersKept = 256

// headers keeps the header of each event of late, which all its messages share: a
// map for each was a tenth of all that was allocated. Nobody changes a header once
// it is made. Its method may be called from any goroutine.
type headers struct {
	mu   sync.Mutex
	kept map[string]nats.Header // nil: none yet
}

// of is newHeader.
func (h *headers) of(event, key []byte) nats.Header {
	if len(event) == 0 || len(key) > 0 {
		return newHeader(string(event), string(key))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	header, ok := h.kept[string(event)]
	if !ok {
		if len(h.kept) == headersKept {
			clear(h.kept)
		}
		if h.kept == nil {
			h.kept = map[string]nats.Header{}
		}
		header = newHeader(string(event), "")
		h.kept[string(event)] = header
	}
	return header
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
