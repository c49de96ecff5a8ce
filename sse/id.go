package sse

import (
	"bytes"
	"errors"
	"strconv"
)

// An ID identifies a message permanently. It consists of an epoch, which is one life of the server
// or of its store, and of the message's number in the order of publishing within the epoch. On the
// wire it is "<epoch>-<seq>", for example "k3x9-41".
type ID struct {
	Epoch string // 1 to 13 lower-case ASCII letters and digits, as returned by NewEpoch
	Seq   uint64 // counted from 1; 0 means before the first message
}

// idBytesMax is the length of the longest ID in bytes: a 64-bit epoch in base 36, a hyphen
// and a 64-bit number.
const idBytesMax = 13 + 1 + 20

// IDLineBytesMax is the maximum number of bytes that AppendIDLine appends.
const IDLineBytesMax = len("id:\n") + idBytesMax

// ErrID is returned for text that is not an ID.
var ErrID = errors.New("invalid id: expected EPOCH-NUMBER, such as k3x9-41")

// ParseID parses the text of an ID, as written by ID.Append and ID.String. It accepts no other
// form, such as a number with leading zeros, so each ID has exactly one text. The only error is
// ErrID.
func ParseID(text []byte) (ID, error) {
	epoch, number, ok := bytes.Cut(text, []byte("-"))
	if !ok || len(text) > idBytesMax || !isEpoch(epoch) || len(number) == 0 || number[0] == '0' && len(number) > 1 || number[0] == '+' {
		return ID{}, ErrID
	}
	seq, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil {
		return ID{}, ErrID
	}
	return ID{string(epoch), seq}, nil
}

// isEpoch reports whether text consists only of lower-case letters and digits, and is not empty.
func isEpoch(text []byte) bool {
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(text) > 0
}

// epochs is the number of different epochs that NewEpoch returns: all of up to eight letters and
// digits.
const epochs = 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36

// NewEpoch returns n modulo 36^8 in base 36: an epoch of up to eight letters and digits.
func NewEpoch(n uint64) string { return strconv.FormatUint(n%epochs, 36) }

// Append appends the ID's text to dst: "<epoch>-<seq>".
func (id ID) Append(dst []byte) []byte {
	dst = append(dst, id.Epoch...)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, id.Seq, 10)
}

// String returns the ID's text: "<epoch>-<seq>".
func (id ID) String() string { return string(id.Append(nil)) }

// AppendIDLine appends the "id:" field with its line end to dst. Call it before AppendFrame.
func AppendIDLine(dst []byte, id ID) []byte {
	dst = append(dst, "id:"...)
	dst = id.Append(dst)
	return append(dst, '\n')
}
