package sse

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// EventBytesMax is the longest event name that is accepted, in bytes. Names are
// identifiers in the page's code; a longer one is a payload in the wrong field.
const EventBytesMax = 256

// DataBytesMax is the default for the longest data of one message, in bytes.
// Common Go clients read lines of at most 64 KiB unless told otherwise; browsers
// have no limit. One MiB bounds what a publisher can make the server hold.
const DataBytesMax = 1 << 20

// KeyBytesMax is the longest deduplication key, in bytes. Keys are UUIDs, digests
// or a name and a number; a store remembers each of them for a while.
const KeyBytesMax = 128

// The reasons why a message is refused. Errors returned by this package wrap
// one of these and say in words what was found.
var (
	// ErrEvent reports an event name that must not be sent.
	ErrEvent = errors.New("bad event name")
	// ErrKey reports text that is not a valid deduplication key.
	ErrKey = errors.New("bad key")
	// ErrUTF8 reports text that is not valid UTF-8. Browsers would replace the
	// invalid bytes, so subscribers would not see the text that was published.
	ErrUTF8 = errors.New("invalid UTF-8")
	// ErrTooLong reports a message that exceeds a size limit.
	ErrTooLong = errors.New("too long")
)

// A Message is published to a namespace and goes to all its subscribers.
type Message struct {
	// Namespace is where the message is published, such as "/pets/dogs".
	Namespace string
	// Event is the event's name, as CheckEvent accepts it. If it is empty, the event has
	// no name, and browsers fire "message".
	Event string
	// Data is the payload: any UTF-8, including line breaks. Subscribers see CR and
	// CRLF as LF, since the format does not distinguish line breaks.
	Data []byte
	// Key makes retries safe if the server has a store: a message with a key that the
	// store remembers is not stored or sent again. It is as CheckKey accepts it, or
	// empty for none.
	Key string
}

// CheckEvent returns an error if an event name cannot be sent as it is. A name is valid
// UTF-8, has at most EventBytesMax bytes, and contains no CR, LF or NUL (HTML section
// 9.2.6: a line break would end the field, and clients differ over NUL). The empty name
// is accepted and means none. Errors wrap ErrEvent.
func CheckEvent[T ~string | ~[]byte](event T) error {
	if len(event) > EventBytesMax {
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrEvent, len(event), EventBytesMax)
	}
	for i := range len(event) {
		if c := event[i]; c == '\n' || c == '\r' || c == 0 {
			return fmt.Errorf("%w: it holds a line break or NUL at byte %d", ErrEvent, i)
		}
	}
	if !validUTF8(event) {
		return fmt.Errorf("%w: it is not valid UTF-8", ErrEvent)
	}
	return nil
}

// CheckKey returns an error if key is not a valid deduplication key. A key is 1 to
// KeyBytesMax bytes of UTF-8 without white space and control characters, so that it fits
// into one field of a line and one value of a header. Errors wrap ErrKey.
func CheckKey[T ~string | ~[]byte](key T) error {
	if len(key) == 0 {
		return fmt.Errorf("%w: the key is empty", ErrKey)
	}
	if len(key) > KeyBytesMax {
		return fmt.Errorf("%w: the key has %d bytes, at most %d are allowed", ErrKey, len(key), KeyBytesMax)
	}
	for i := range len(key) {
		if c := key[i]; c <= ' ' || c == 0x7f {
			return fmt.Errorf("%w: the key holds a space or control character at byte %d", ErrKey, i)
		}
		if key[i] >= utf8.RuneSelf {
			return checkKeyRunes(string(key))
		}
	}
	return nil
}

// checkKeyRunes checks a key with characters beyond ASCII, by the rules of a namespace.
func checkKeyRunes(key string) error {
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w: the key is not valid UTF-8", ErrKey)
	}
	for i, r := range key {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return fmt.Errorf("%w: the key holds a space or control character at byte %d", ErrKey, i)
		}
	}
	return nil
}

// CheckData returns an error if data cannot be published. Data is valid UTF-8 and has at
// most bytesMax bytes. Errors wrap ErrTooLong or ErrUTF8.
func CheckData(data []byte, bytesMax int) error {
	if len(data) > bytesMax {
		return fmt.Errorf("%w: the data has %d bytes, at most %d are allowed", ErrTooLong, len(data), bytesMax)
	}
	if !plain(data) && !utf8.Valid(data) {
		return fmt.Errorf("%w in the data at byte %d", ErrUTF8, firstInvalid(data))
	}
	return nil
}

// validUTF8 reports whether s is valid UTF-8. It does not copy ASCII text.
func validUTF8[T ~string | ~[]byte](s T) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return utf8.ValidString(string(s))
		}
	}
	return true
}

// firstInvalid returns the offset of the first byte that is not part of a valid encoding.
// The caller knows that there is one.
func firstInvalid(data []byte) int {
	i := 0
	for i < len(data) {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	return i
}
