package sse

import (
	"bytes"
	"errors"
	"strconv"
)

// An ID names a message for good: its place in the order of publishing, and in
// which life of the server. On the wire it is "<epoch>-<seq>".
type ID struct {
	Epoch string // lower-case letters and digits
	Seq   uint64 // counted from 1
}

// idBytesMax is the longest ID: a 64-bit epoch in base 36, and a 64-bit number.
const idBytesMax = 13 + 1 + 20

// IDLineBytesMax is what AppendIDLine appends at most.
const IDLineBytesMax = len("id:\n") + idBytesMax

// ErrID marks what is no ID of ours.
var ErrID = errors.New("not an id of this server's form, EPOCH-NUMBER")

// ParseID reads what AppendID writes. The error is ErrID.
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

func isEpoch(text []byte) bool {
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(text) > 0
}

// NewEpoch writes a number as an epoch.
func NewEpoch(n uint64) string { return strconv.FormatUint(n, 36) }

// Append appends the ID's text.
func (id ID) Append(dst []byte) []byte {
	dst = append(dst, id.Epoch...)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, id.Seq, 10)
}

// String is the ID's text.
func (id ID) String() string { return string(id.Append(nil)) }

// AppendIDLine appends the "id:" field. It goes before a frame's other fields.
func AppendIDLine(dst []byte, id ID) []byte {
	dst = append(dst, "id:"...)
	dst = id.Append(dst)
	return append(dst, '\n')
}
