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

// The codes of an ERR reply. Programs may rely on them; the words after a code are for people and
// may change.
const (
	CodeSyntax    = "syntax"    // the line is not a command, or the server does not accept the key
	CodeNamespace = "namespace" // the namespace is not valid
	CodeEvent     = "event"     // the event name cannot be sent to subscribers, or is reserved for the server
	CodeUTF8      = "utf8"      // the data is not UTF-8
	CodeTooLong   = "too-long"  // the line or the data exceeds a limit
	CodeAuth      = "auth"      // the token is missing or unknown, or may not publish to this namespace
	CodeBusy      = "busy"      // the command is valid, but the server cannot accept it now: try again later
)

// ErrBusy marks the errors of a Sink that are temporary: the server is full or shutting down.
var ErrBusy = errors.New("busy")

// ErrStopping is the error of a Sink while its server shuts down. It wraps ErrBusy.
var ErrStopping = fmt.Errorf("%w: the server is stopping: publish again after the restart", ErrBusy)

// ErrPending is returned by a Sink that does not know the outcome yet. It must be returned
// unwrapped. The session then leaves the reply open: see Replies.
var ErrPending = errors.New("the answer comes later")

// A ReplyError is the refusal of a command: the reply "ERR <code> <words>".
type ReplyError struct {
	Code  string // one of the Code constants
	Words string // the problem and how to solve it, on one line
}

// Error returns the code and the words, separated by a colon.
func (e *ReplyError) Error() string { return e.Code + ": " + e.Words }

func refuse(code, format string, args ...any) *ReplyError {
	return &ReplyError{Code: code, Words: fmt.Sprintf(format, args...)}
}

// codes maps the sentinel errors of sse, nsindex and this package to codes.
var codes = []struct {
	is   error
	code string
}{
	{nsindex.ErrNamespace, CodeNamespace},
	{sse.ErrReserved, CodeEvent}, // before ErrEvent, which it wraps, so that refusal cuts the right prefix
	{sse.ErrEvent, CodeEvent},
	{sse.ErrKey, CodeSyntax},
	{sse.ErrUTF8, CodeUTF8},
	{sse.ErrTooLong, CodeTooLong},
	{ErrBusy, CodeBusy},
}

// refusal turns any error into a reply. An error that is not in codes is a problem of the server
// and not the publisher's fault, so its code is busy.
func refusal(err error) *ReplyError {
	if reply, ok := errors.AsType[*ReplyError](err); ok {
		return reply
	}
	for _, c := range codes {
		if errors.Is(err, c.is) {
			// Without the sentinel's text and without the code, which the reply would repeat:
			// "ERR event bad event name: ...", "ERR namespace namespace ...".
			words := strings.TrimPrefix(err.Error(), c.is.Error()+": ")
			words = strings.TrimPrefix(words, c.code+" ")
			return &ReplyError{Code: c.code, Words: words}
		}
	}
	return &ReplyError{Code: CodeBusy, Words: err.Error()}
}

// quoteBytesMax limits how much of its input an ERR repeats: enough to find the place, too little
// to fill a log.
const quoteBytesMax = 32

// quote formats input for an ERR: in quotes, with control characters escaped, cut at quoteBytesMax.
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

// AppendError appends err as a whole reply line, "ERR <code> <words>\n". err is a *ReplyError, or
// wraps ErrBusy or a sentinel of sse or nsindex; any other error becomes "ERR busy". A loop uses it
// to refuse a connection before there is a session, for example when too many are connected.
func AppendError(out []byte, err error) []byte {
	reply := refusal(err)
	out = append(out, "ERR "...)
	out = append(out, reply.Code...)
	out = append(out, ' ')
	for i := range len(reply.Words) {
		// An error of a Sink may contain a line break; a reply must not.
		out = append(out, max(reply.Words[i], ' '))
	}
	return append(out, '\n')
}

// parseReply parses one reply line, without its line end. For an ERR it returns a *ReplyError; for
// a line that is not a reply it returns another error.
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
	return 0, fmt.Errorf("invalid reply %s: expected ssed's line protocol; check the address", quote(line))
}
