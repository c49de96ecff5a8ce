package publish

import (
	"bytes"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// The grammar, in the order of this file:
//
//	command = "PUB"   SP namespace SP event SP data       end
//	        | "PUBN"  SP namespace SP event SP size       end  size*BYTE end
//	        | "KEY"   SP key                              end
//	        | "AUTH"  SP token                            end
//	        | "PING"                                      end
//	        | "QUIET" SP ( "on" | "off" )                 end
//	        | "QUIT"                                      end
//	end     = LF | CR LF
//	SP      = exactly one space
//
// The parser sees one line without its line end, and never a payload: the session finds the lines
// and counts the payloads.

// lineOverheadBytes bounds the bytes of a PUB line that are not its namespace, event or data: the
// verb, the spaces and a CR. It leaves a little room for mistakes in hand-written lines, which are
// better answered with their own code than with too-long.
const lineOverheadBytes = 64

// lineBytesMax returns the length of the longest allowed line in bytes, without its LF, for a
// given limit on data.
func lineBytesMax(dataBytesMax int) int {
	return dataBytesMax + nsindex.NamespaceBytesMax + sse.EventBytesMax + lineOverheadBytes
}

type verb uint8

const (
	verbPub verb = iota + 1
	verbPubN
	verbKey
	verbAuth
	verbPing
	verbQuiet
	verbQuit
	verbHTTP // not a command: an HTTP request
)

// A command is one line, split into its fields. The namespace, event and data are not checked yet.
// The slices are parts of the line.
type command struct {
	verb      verb
	namespace []byte // PUB, PUBN
	event     []byte // PUB, PUBN; empty means no event, "-" on the wire
	data      []byte // PUB
	size      uint64 // PUBN: bytes of payload after this line
	word      []byte // KEY: the key; AUTH: the token
	quiet     bool   // QUIET
}

// parse splits one line, without its LF or CRLF, into c, which must be empty. If it refuses a PUB,
// PUBN or KEY, c.verb is set nevertheless, because the session must know which command a key was
// for.
func parse(line []byte, c *command) *ReplyError {
	word, rest, spaced := cut(line)
	switch string(word) {
	case "PUB":
		c.verb = verbPub
		return c.parsePub(rest)
	case "PUBN":
		c.verb = verbPubN
		return c.parsePubN(rest)
	case "KEY":
		c.verb = verbKey
		return c.parseKey(rest)
	case "AUTH":
		return c.parseAuth(rest)
	case "PING":
		return c.parseBare(verbPing, line, spaced)
	case "QUIET":
		return c.parseQuiet(rest)
	case "QUIT":
		return c.parseBare(verbQuit, line, spaced)
	}
	return c.parseUnknown(word, line)
}

func (c *command) parsePub(rest []byte) *ReplyError {
	namespace, rest, _ := cut(rest)
	event, data, spaced := cut(rest)
	if err := checkFields("PUB <namespace> <event> <data>", namespace, event); err != nil {
		return err
	}
	if !spaced {
		return refuse(CodeSyntax, "missing data: to send empty data, end the line with a space after the event")
	}
	c.namespace, c.event, c.data = namespace, eventName(event), data
	return nil
}

func (c *command) parsePubN(rest []byte) *ReplyError {
	const form = "PUBN <namespace> <event> <bytes>"
	namespace, rest, _ := cut(rest)
	event, digits, _ := cut(rest)
	if err := checkFields(form, namespace, event); err != nil {
		return err
	}
	size, ok := parseSize(digits)
	if !ok {
		return refuse(CodeSyntax, "invalid number of bytes %s: expected %s, then the bytes and a line end", quote(digits), form)
	}
	c.namespace, c.event, c.size = namespace, eventName(event), size
	return nil
}

// parseSize parses a number of bytes: 1 to 18 digits and nothing else. Sums of a few such numbers
// cannot overflow.
func parseSize(digits []byte) (size uint64, ok bool) {
	const digitsMax = 18
	if len(digits) == 0 || len(digits) > digitsMax {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		size = 10*size + uint64(c-'0')
	}
	return size, true
}

// parseKey also checks the key, unlike the other functions here, because a KEY has no other field.
func (c *command) parseKey(key []byte) *ReplyError {
	if len(key) == 0 {
		return refuse(CodeSyntax, "missing key: expected KEY <key>")
	}
	if err := sse.CheckKey(key); err != nil {
		return refusal(err)
	}
	c.word = key
	return nil
}

func (c *command) parseAuth(token []byte) *ReplyError {
	if len(token) == 0 {
		return refuse(CodeSyntax, "missing token: expected AUTH <token>")
	}
	c.verb, c.word = verbAuth, token
	return nil
}

func (c *command) parseQuiet(word []byte) *ReplyError {
	c.verb, c.quiet = verbQuiet, string(word) == "on"
	if !c.quiet && string(word) != "off" {
		return refuse(CodeSyntax, "invalid QUIET argument %s: expected on or off", quote(word))
	}
	return nil
}

// parseBare parses a command that has no arguments.
func (c *command) parseBare(v verb, line []byte, spaced bool) *ReplyError {
	if spaced {
		return refuse(CodeSyntax, "%s accepts no arguments", line[:4])
	}
	c.verb = v
	return nil
}

// parseUnknown returns the error for a line that is not a command. A line of an HTTP request is not
// an error here: its verb is verbHTTP.
func (c *command) parseUnknown(word, line []byte) *ReplyError {
	switch {
	case len(line) == 0:
		return refuse(CodeSyntax, "empty line: expected a command")
	case speaksHTTP(line):
		c.verb = verbHTTP
		return nil
	case len(word) == 0:
		return refuse(CodeSyntax, "leading space: expected a command at the start of the line")
	}
	return refuse(CodeSyntax, "unknown command %s: expected PUB, PUBN, KEY, AUTH, PING, QUIET or QUIT, in upper case", quote(word))
}

// speaksHTTP reports whether a line belongs to an HTTP request: it is a request line or a Host
// header. It protects against web pages that make a browser post to this port. A bad line does not
// end the conversation, so without this check the request line and headers would be refused as bad
// lines, and the body would be run as commands. The Host header is checked as well because an
// overlong request line is skipped without being parsed.
func speaksHTTP(line []byte) bool {
	const host = "host:"
	i := bytes.LastIndexByte(line, ' ')
	return i >= 0 && bytes.HasPrefix(line[i+1:], []byte("HTTP/")) ||
		len(line) >= len(host) && bytes.EqualFold(line[:len(host)], []byte(host))
}

// checkFields returns an error if the namespace or the event is missing. A field is empty, too, if
// there are two spaces before it.
func checkFields(form string, namespace, event []byte) *ReplyError {
	switch {
	case len(namespace) == 0:
		return refuse(CodeSyntax, "missing namespace: expected %s, with exactly one space between fields", form)
	case len(event) == 0:
		return refuse(CodeSyntax, "missing event: expected %s, with exactly one space between fields and - for no event", form)
	}
	return nil
}

// eventName returns the event name of an event field: nil for "-", which means no event.
func eventName(event []byte) []byte {
	if len(event) == 1 && event[0] == '-' {
		return nil
	}
	return event
}

// cut splits line at the first space. spaced reports whether there was one.
func cut(line []byte) (field, rest []byte, spaced bool) {
	if i := bytes.IndexByte(line, ' '); i >= 0 {
		return line[:i], line[i+1:], true
	}
	return line, nil, false
}
