package publish

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// The codes of an ERR reply. Programs may rely on them; the words behind a code
// are for people and may change.
const (
	CodeSyntax    = "syntax"    // the line is not a command, or no key can be taken
	CodeNamespace = "namespace" // the grammar of namespaces refuses it
	CodeEvent     = "event"     // the event name cannot be put on the wire, or is reserved for the server
	CodeUTF8      = "utf8"      // the data is not UTF-8
	CodeTooLong   = "too-long"  // the line or the data passes a limit
	CodeAuth      = "auth"      // no token, a wrong one, or not for this namespace
	CodeBusy      = "busy"      // nothing is wrong with the command: try again later
)

// ErrBusy marks the errors of a Sink that mean "later": the server is full, or
// on its way down.
var ErrBusy = errors.New("busy")

// ErrStopping is the error of a Sink whose server is shutting down. It wraps ErrBusy.
var ErrStopping = fmt.Errorf("%w: the server is stopping; publish again once it is back", ErrBusy)

// ErrPending is what a Sink returns, as it is, when it will know later what became
// of the message. Its session then leaves the reply open: see Replies.
var ErrPending = errors.New("the answer comes later")

// A ReplyError is a command's refusal: the reply "ERR <code> <words>".
type ReplyError struct {
	Code  string // one of the Code constants
	Words string // what is wrong and what to do, on one line
}

// Error returns code and words in one.
func (e *ReplyError) Error() string { return e.Code + ": " + e.Words }

func refuse(code, format string, args ...any) *ReplyError {
	return &ReplyError{Code: code, Words: fmt.Sprintf(format, args...)}
}

// codes gives every sentinel of the rooms below its code.
var codes = []struct {
	is   error
	code string
}{
	{nsindex.ErrNamespace, CodeNamespace},
	{sse.ErrReserved, CodeEvent}, // before ErrEvent, which it wraps: its own prefix is cut off
	{sse.ErrEvent, CodeEvent},
	{sse.ErrKey, CodeSyntax},
	{sse.ErrUTF8, CodeUTF8},
	{sse.ErrTooLong, CodeTooLong},
	{ErrBusy, CodeBusy},
}

// refusal turns any error into a reply. What is not known is the server's
// trouble and not the publisher's fault: busy.
func refusal(err error) *ReplyError {
	if reply, ok := errors.AsType[*ReplyError](err); ok {
		return reply
	}
	for _, c := range codes {
		if errors.Is(err, c.is) {
			// The code says it already: "ERR namespace bad namespace: it ..."
			words := strings.TrimPrefix(err.Error(), c.is.Error()+": ")
			return &ReplyError{Code: c.code, Words: words}
		}
	}
	return &ReplyError{Code: CodeBusy, Words: err.Error()}
}

// quoteBytesMax is how much of what was sent an ERR repeats: enough to find the
// place, too little to fill a log.
const quoteBytesMax = 32

// quote shows input in an ERR: in quotes, without control characters, cut short.
func quote(b []byte) string {
	if len(b) > quoteBytesMax {
		return fmt.Sprintf("%q...", b[:quoteBytesMax])
	}
	return fmt.Sprintf("%q", b)
}

func appendOK(out []byte) []byte   { return append(out, "OK\n"...) }
func appendPong(out []byte) []byte { return append(out, "PONG\n"...) }

func appendSequence(out []byte, sequence uint64) []byte {
	out = append(out, "OK "...)
	out = strconv.AppendUint(out, sequence, 10)
	return append(out, '\n')
}

// AppendError appends err as a whole reply line, "ERR <code> <words>\n": err is a
// *ReplyError, or wraps ErrBusy or a sentinel of sse or nsindex. A loop uses it
// for what it refuses before there is a session, such as one connection too many.
func AppendError(out []byte, err error) []byte {
	reply := refusal(err)
	out = append(out, "ERR "...)
	out = append(out, reply.Code...)
	out = append(out, ' ')
	for i := range len(reply.Words) {
		// An error of somebody's Sink may hold a line break; a reply may not.
		out = append(out, max(reply.Words[i], ' '))
	}
	return append(out, '\n')
}

// parseReply reads one reply line without its end. What an ERR says comes back
// as a *ReplyError, a line that is no reply as another error.
func parseReply(line []byte) (sequence uint64, err error) {
	word, rest, _ := bytes.Cut(line, []byte(" "))
	switch string(word) {
	case "OK":
		if len(rest) == 0 {
			return 0, nil
		}
		sequence, err = strconv.ParseUint(string(rest), 10, 64)
		if err == nil {
			return sequence, nil
		}
	case "PONG":
		return 0, nil
	case "ERR":
		code, words, _ := bytes.Cut(rest, []byte(" "))
		return 0, &ReplyError{Code: string(code), Words: string(words)}
	}
	return 0, fmt.Errorf("%s is not a reply of ssed's line protocol: is the address right?", quote(line))
}
