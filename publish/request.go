package publish

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// A request is the text that a client sends for one answer: a single command, or a KEY with its
// PUB or PUBN.
type request struct {
	text  []byte
	keyed bool // the first of two commands is KEY
}

// pairReplies combines the replies to a KEY and its PUB into one call of then. After a refused KEY
// the server refuses the PUB as well, so nothing is published. then gets the error of the KEY in
// this case, because it contains the reason.
func pairReplies(then replyFunc) (toKey, toPub replyFunc) {
	var refused error
	toKey = func(_ uint64, err error) { refused = err }
	toPub = func(sequence uint64, err error) {
		if refused != nil {
			sequence, err = 0, refused
		}
		then(sequence, err)
	}
	return toKey, toPub
}

// encode checks a message and returns it as commands.
func encode(m sse.Message) (r request, err error) {
	namespace, err := nsindex.Canonical(m.Namespace)
	if err != nil {
		return r, err
	}
	event, err := encodeEvent(m.Event)
	if err != nil {
		return r, err
	}
	// No limit on the length here: only the server knows its limit.
	if err := sse.CheckData(m.Data, math.MaxInt); err != nil {
		return r, err
	}
	// This avoids fmt, because a fast publisher encodes a million short messages a second.
	text := make([]byte, 0, len(m.Key)+len(namespace)+len(event)+len(m.Data)+len("KEY \nPUBN   \n\n")+numberBytesMax)
	if m.Key != "" {
		if err := sse.CheckKey(m.Key); err != nil {
			return r, err
		}
		text = append(append(append(text, "KEY "...), m.Key...), '\n')
	}
	counted := bytes.IndexByte(m.Data, '\n') >= 0 || bytes.IndexByte(m.Data, '\r') >= 0
	if counted {
		text = append(text, "PUBN "...)
	} else {
		text = append(text, "PUB "...)
	}
	text = append(append(append(text, namespace...), ' '), event...)
	text = append(text, ' ')
	if counted {
		text = append(strconv.AppendInt(text, int64(len(m.Data)), 10), '\n')
	}
	return request{append(append(text, m.Data...), '\n'), m.Key != ""}, nil
}

// numberBytesMax is the maximum number of digits in the size of a PUBN.
const numberBytesMax = 19

// encodeEvent returns the event field for an event name. It refuses names that the protocol cannot
// express.
func encodeEvent(event string) (string, error) {
	switch {
	case event == "":
		return "-", nil
	case event == "-":
		return "", fmt.Errorf(`%w: "-" means no event in the line protocol and cannot be a name`, sse.ErrEvent)
	case strings.Contains(event, " "):
		return "", fmt.Errorf("%w: it contains a space, which ends the name in the line protocol", sse.ErrEvent)
	}
	return event, sse.CheckEvent(event)
}
