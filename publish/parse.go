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
// The parser sees one line without its end, and never a payload: finding lines
// and counting payloads is the session's work.

// lineOverheadBytes is what a PUB line has beside its namespace, event and data:
// the verb, the spaces, a CR, and a little room for hand-made mistakes that are
// better answered by their own code than by too-long.
const lineOverheadBytes = 64

// lineBytesMax is the longest line in bytes, without its LF, for a limit on data.
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
	verbHTTP // not a command: another protocol's request
)

// A command is one line, taken apart but not yet checked: no namespace, event or
// data was looked into. The slices are parts of the line.
type command struct {
	verb      verb
	namespace []byte // PUB, PUBN
	event     []byte // PUB, PUBN; empty means none, "-" on the wire
	data      []byte // PUB
	size      uint64 // PUBN: bytes of payload behind this line
	word      []byte // KEY: the key; AUTH: the token
	quiet     bool   // QUIET
}

// parse takes one line apart, without its LF or CRLF, into c, which is empty. Of a
// PUB, PUBN or KEY that is refused c has the verb: a key's books are kept by it.
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
		return refuse(CodeSyntax, "PUB has no data: to send empty data, end the line with a space after the event")
	}
	c.namespace, c.event, c.data = namespace, named(event), data
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
		return refuse(CodeSyntax, "%s is not a number of bytes: write %s, then the bytes and a line end", quote(digits), form)
	}
	c.namespace, c.event, c.size = namespace, named(event), size
	return nil
}

// parseSize reads a number of bytes: digits and nothing else. No number that
// fits overflows the arithmetic on it.
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

// parseKey is the one that looks into its field: a KEY is nothing else.
func (c *command) parseKey(key []byte) *ReplyError {
	if len(key) == 0 {
		return refuse(CodeSyntax, "KEY has no key: write KEY <key>")
	}
	if err := sse.CheckKey(key); err != nil {
		return refusal(err)
	}
	c.word = key
	return nil
}

func (c *command) parseAuth(token []byte) *ReplyError {
	if len(token) == 0 {
		return refuse(CodeSyntax, "AUTH has no token: write AUTH <token>")
	}
	c.verb, c.word = verbAuth, token
	return nil
}

func (c *command) parseQuiet(word []byte) *ReplyError {
	c.verb, c.quiet = verbQuiet, string(word) == "on"
	if !c.quiet && string(word) != "off" {
		return refuse(CodeSyntax, "QUIET takes on or off, not %s", quote(word))
	}
	return nil
}

// parseBare is for the commands that are one word.
func (c *command) parseBare(v verb, line []byte, spaced bool) *ReplyError {
	if spaced {
		return refuse(CodeSyntax, "%s stands alone on its line", line[:4])
	}
	c.verb = v
	return nil
}

// parseUnknown says what it was that is no command.
func (c *command) parseUnknown(word, line []byte) *ReplyError {
	switch {
	case len(line) == 0:
		return refuse(CodeSyntax, "the line is empty")
	case speaksHTTP(line):
		c.verb = verbHTTP
		return nil
	case len(word) == 0:
		return refuse(CodeSyntax, "the line begins with a space")
	}
	return refuse(CodeSyntax, "%s is not a command: PUB, PUBN, KEY, AUTH, PING, QUIET and QUIT are, in upper case", quote(word))
}

// speaksHTTP recognizes a browser that was talked into posting to this port. A
// bad line costs only itself here, so without this a web page could publish: its
// request and headers would be bad lines, and its body commands. The header is
// looked for too, since an overlong request line is skipped unseen.
func speaksHTTP(line []byte) bool {
	const host = "host:"
	i := bytes.LastIndexByte(line, ' ')
	return i >= 0 && bytes.HasPrefix(line[i+1:], []byte("HTTP/")) ||
		len(line) >= len(host) && bytes.EqualFold(line[:len(host)], []byte(host))
}

// checkFields finds the field that is missing, or that two spaces hide.
func checkFields(form string, namespace, event []byte) *ReplyError {
	switch {
	case len(namespace) == 0:
		return refuse(CodeSyntax, "the namespace is missing: write %s, with exactly one space between", form)
	case len(event) == 0:
		return refuse(CodeSyntax, "the event is missing: write %s, with exactly one space between and - for no event", form)
	}
	return nil
}

// named turns the event as written into the event that is meant.
func named(event []byte) []byte {
	if len(event) == 1 && event[0] == '-' {
		return nil
	}
	return event
}

// cut splits at the first space; spaced tells whether there was one.
func cut(line []byte) (field, rest []byte, spaced bool) {
	if i := bytes.IndexByte(line, ' '); i >= 0 {
		return line[:i], line[i+1:], true
	}
	return line, nil, false
}
