package sse

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// EventBytesMax limits the length of an event name, in bytes. Names are identifiers in a page's
// code. A longer name is usually data in the wrong field.
const EventBytesMax = 256

// DataBytesMax is the default limit for the data of one message, in bytes. Browsers have no limit.
// Common Go clients read lines of at most 64 KiB by default. 1 MiB limits how much memory one
// message of a publisher can use in the server.
const DataBytesMax = 1 << 20

// KeyBytesMax limits the length of a deduplication key, in bytes. Typical keys are UUIDs, digests,
// or a name and a number. A store remembers each of them for a while.
const KeyBytesMax = 128

// Errors for messages that cannot be published. Errors returned by this package wrap one of them
// and describe the problem.
var (
	// ErrEvent reports an invalid event name.
	ErrEvent = errors.New("bad event name")
	// ErrKey reports an invalid deduplication key.
	ErrKey = errors.New("bad key")
	// ErrUTF8 reports text that is not valid UTF-8. Browsers would replace the invalid bytes, so
	// subscribers would not get the text that was published.
	ErrUTF8 = errors.New("invalid UTF-8")
	// ErrTooLong reports a message that exceeds a size limit.
	ErrTooLong = errors.New("too long")
)

// A Message is published to a namespace and delivered to all subscribers of the namespace.
type Message struct {
	// Namespace is the namespace to which the message is published, such as "/pets/dogs".
	Namespace string
	// Event is the event's name, which must be valid for CheckEvent. If it is empty, the event has
	// no name, and browsers fire "message".
	Event string
	// Data is the payload. It may be any UTF-8 text, including line breaks. Subscribers get CR and
	// CRLF as LF, because the format does not distinguish line breaks.
	Data []byte
	// Key makes retries safe if the server has a store. While the store remembers the key, another
	// message with the same key is not stored or sent. Key must be valid for CheckKey, or empty for
	// no key.
	Key string
}

// CheckEvent checks an event name. A name is valid UTF-8, has at most EventBytesMax bytes, and
// contains no CR, LF or NUL. A line break would end the field (HTML section 9.2.6), and clients
// differ in how they handle NUL. The empty name is valid and means no name. Errors wrap ErrEvent.
func CheckEvent[T ~string | ~[]byte](event T) error {
	if len(event) > EventBytesMax {
		return fmt.Errorf("%w: the name has %d bytes, at most %d are allowed", ErrEvent, len(event), EventBytesMax)
	}
	for i := range len(event) {
		if c := event[i]; c == '\n' || c == '\r' || c == 0 {
			return fmt.Errorf("%w: the name contains a line break or NUL at byte %d", ErrEvent, i)
		}
	}
	if !validUTF8(event) {
		return fmt.Errorf("%w: the name is not valid UTF-8", ErrEvent)
	}
	return nil
}

// CheckKey checks a deduplication key. A key is 1 to KeyBytesMax bytes of UTF-8 without white space
// and control characters. So it fits into one field of a line and one value of a header. Errors
// wrap ErrKey.
func CheckKey[T ~string | ~[]byte](key T) error {
	if len(key) == 0 {
		return fmt.Errorf("%w: the key is empty", ErrKey)
	}
	if len(key) > KeyBytesMax {
		return fmt.Errorf("%w: the key has %d bytes, at most %d are allowed", ErrKey, len(key), KeyBytesMax)
	}
	for i := range len(key) {
		if c := key[i]; c <= ' ' || c == 0x7f {
			return fmt.Errorf("%w: the key contains a space or control character at byte %d", ErrKey, i)
		}
		if key[i] >= utf8.RuneSelf {
			return checkKeyRunes(string(key))
		}
	}
	return nil
}

// checkKeyRunes checks a key with characters beyond ASCII. The rules are those for a namespace.
func checkKeyRunes(key string) error {
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w: the key is not valid UTF-8", ErrKey)
	}
	for i, r := range key {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return fmt.Errorf("%w: the key contains a space or control character at byte %d", ErrKey, i)
		}
	}
	return nil
}

// CheckData checks the data of a message. Data is valid UTF-8 and has at most bytesMax bytes.
// Errors wrap ErrTooLong or ErrUTF8.
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

// firstInvalid returns the offset of the first byte that is not part of a valid encoding. There
// must be one of these bytes.
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
