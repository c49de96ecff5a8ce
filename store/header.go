package store

import (
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/ssed/ssed/sse"
)

// The headers of a message in the stream. Its payload is the data, unchanged. A message without
// event and key has no header, like a message from "nats pub".
const (
	// eventHeader is the event's name, with some bytes written as "%" and two hex digits:
	// see encodeEvent.
	eventHeader = "Ssed-Event"
	// keyHeader is the publisher's key, unchanged: a key has no spaces and no control
	// characters. The stream stores each key only once within its duplicate window, and
	// acknowledges a repetition with the sequence of the first message.
	keyHeader = "Nats-Msg-Id"
)

// newHeader returns the header of a message, or nil if event and key are empty. The NATS client
// drops spaces and tabs at the ends of a value and turns line breaks into spaces. An encoded
// event has neither.
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

// headersKept limits how many headers are cached. It is more than the number of event names
// that publishers use.
const headersKept = 256

// headers caches the header of each recently used event. All messages with that event share
// it. A new map for each message was a tenth of all allocations. A cached header is never
// changed. The method get may be called from any goroutine.
type headers struct {
	mu   sync.Mutex
	kept map[string]nats.Header // nil: none yet
}

// get returns the same as newHeader, from the cache if there is an event and no key. When the
// cache is full it is cleared.
func (h *headers) get(event, key []byte) nats.Header {
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

// eventOf returns the event's name in a message's header, or "" if the header has no name. If it
// has several, eventOf returns the first. Errors wrap sse.ErrEvent.
func eventOf(header nats.Header) (string, error) { return decodeEvent(header.Get(eventHeader)) }

// encodeEvent encodes an event name as the value of a header. It escapes "%", control bytes, and
// spaces at the ends; most names remain unchanged. sse.CheckEvent must accept the name.
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

// decodeEvent decodes the value of a header, the inverse of encodeEvent. Other programs may not
// escape their event names, so a "%" without two hex digits after it remains a "%". Errors wrap
// sse.ErrEvent.
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
