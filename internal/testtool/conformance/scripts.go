package conformance

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A script contains the bytes that a publisher sends on one connection, and the expected replies.
// Unless it ends with QUIT, the publisher half closes the connection, and the server closes it
// after its replies.
//
// "OK +1" means the next sequence after all earlier scripts. If an expected reply ends with "...",
// the script does not fix the rest of it. The server must still send exactly the reply of the
// Session.
type script struct {
	name  string
	send  string
	want  string
	token string // a token that may publish to /conformance, if the server requires one
}

// replies returns the expected replies, with sequences after base.
func (s script) replies(base uint64) string {
	lines := strings.Split(s.want, "\n")
	for i, line := range lines {
		if offset, ok := strings.CutPrefix(line, "OK +"); ok {
			n, _ := strconv.ParseUint(offset, 10, 64)
			lines[i] = fmt.Sprintf("OK %d", base+n)
		}
	}
	return strings.Join(lines, "\n")
}

// withOwnKeys makes the keys of a script, which begin with "#", unique to one play. The server
// remembers keys, and base differs between plays.
func (s script) withOwnKeys(base uint64) script {
	s.send = strings.ReplaceAll(s.send, "KEY #", fmt.Sprintf("KEY %d-", base))
	return s
}

// groups are scripts that share a server's configuration.
var groups = []struct {
	name    string
	cfg     publish.Config
	scripts []script
}{
	{"commands", publish.Config{}, commandScripts},
	{"limits", publish.Config{DataBytesMax: limit}, limitScripts},
	{"tokens", publish.Config{Auth: tokenTable{}}, tokenScripts},
	{"reserved events", publish.Config{Reserved: reserved}, reservedScripts},
}

var commandScripts = []script{
	{name: "PUB", send: "PUB /pets/dogs new-dog Corgi\n", want: "OK +1\n"},
	{name: "PUB in CRLF", send: "PUB /pets new-dog Corgi\r\n", want: "OK +1\n"},
	{name: "PUB keeps spaces", send: "PUB /pets e  a  b \n", want: "OK +1\n"},
	{name: "PUB of nothing", send: "PUB /pets - \n", want: "OK +1\n"},
	{name: "PUB without data", send: "PUB /pets e\nPING\n", want: "ERR syntax missing data: to send empty data, end the line with a space after the event\nPONG\n"},
	{name: "pipelined", send: "PUB / - 1\nPUB / - 2\nPING\nPUB / - 3\n", want: "OK +1\nOK +2\nPONG\nOK +3\n"},
	{name: "PUBN", send: "PUBN /pets e 9\na\nb\r\nc\rd\n\nPING\n", want: "OK +1\nPONG\n"},
	{name: "PUBN in CRLF", send: "PUBN /pets e 5\r\nCorgi\r\nPING\r\n", want: "OK +1\nPONG\n"},
	{name: "PUBN of nothing", send: "PUBN /pets - 0\n\nPING\n", want: "OK +1\nPONG\n"},
	{name: "PUBN of every character", send: payload(everyCharacter()) + "PING\n", want: "OK +1\nPONG\n"},
	{name: "PUBN of bytes that are not text", send: payload("\xc3\x28\xfe\xff\x00") + "PING\n", want: "ERR utf8 ...\nPONG\n"},
	{name: "PUBN with a wrong number", send: "PUBN / - 3\nCorgi\nPING\n", want: "ERR syntax missing line end after the payload: ...\nPONG\n"},
	{name: "PUBN without a number", send: "PUBN / - x\nPING\n", want: "ERR syntax invalid number of bytes \"x\": ...\nPONG\n"},
	{name: "PUBN with a bad namespace", send: "PUBN x - 5\nPING\n\nPING\n", want: "ERR namespace ...\nPONG\n"},
	{name: "a megabyte in a line", send: "PUB /big - " + strings.Repeat("x", 1<<20) + "\nPING\n", want: "OK +1\nPONG\n"},
	{name: "a megabyte in a payload", send: payload(strings.Repeat("\n", 1<<20)) + "PING\n", want: "OK +1\nPONG\n"},
	{name: "bad namespace", send: "PUB pets e x\nPING\n", want: "ERR namespace ...\nPONG\n"},
	{name: "bad event", send: "PUB / " + strings.Repeat("e", 257) + " x\nPING\n", want: "ERR event ...\nPONG\n"},
	{name: "bad UTF-8", send: "PUB / - \xff\nPING\n", want: "ERR utf8 ...\nPONG\n"},
	{name: "empty lines", send: "\n\r\nPING\n", want: "ERR syntax empty line: expected a command\nERR syntax empty line: expected a command\nPONG\n"},
	{name: "no command", send: "pub / - x\nPING\n", want: "ERR syntax unknown command \"pub\": expected PUB, PUBN, KEY, AUTH, PING, QUIET or QUIT, in upper case\nPONG\n"},
	{name: "QUIET", send: "QUIET on\nPUB / - 1\nPUB x - 2\nPING\nQUIET off\nPUB / - 3\n", want: "OK\nERR namespace ...\nPONG\nOK\nOK +2\n"},
	{name: "AUTH with nothing to prove", send: "AUTH anything\nPUB / - 1\n", want: "OK\nOK +1\n"},
	{name: "QUIET and KEY", send: "QUIET on\nKEY\nPUB / - 1\nPUB / - 2\nPING\n", want: "OK\nERR syntax ...\nERR syntax ...\nPONG\n"},
	{name: "QUIT", send: "PUB / - 1\nQUIT\n", want: "OK +1\nOK\n"},
	{name: "QUIT and then some", send: "QUIT\nPUB / - 1\n", want: "OK\n"},
	{name: "nothing at all", send: "", want: ""},
	{name: "half a line at the end", send: "PUB / - 1\nPUB / - 2", want: "OK +1\n"},
	{name: "half a payload at the end", send: "PUBN / - 9\nCorgi", want: ""},
	{name: "a payload without line end at the end", send: "PUBN / - 5\nCorgi", want: ""},
}

// keylessScripts are for a server that does not remember keys. A message after KEY is not
// published, but the message after that is.
var keylessScripts = []script{
	{name: "KEY and PUB", send: "KEY a\nPUB / - 1\nPUB / - 2\n", want: noKeys + unkeyed + "OK +1\n"},
	{name: "KEY and PUBN", send: "KEY a\nPUBN / - 5\nPING\n\nPUB / - 2\n", want: noKeys + unkeyed + "OK +1\n"},
	{name: "KEY after a message of the same kind", send: "PUB / - 1\nKEY a\nPUB / - 2\nPUB / - 3\n", want: "OK +1\n" + noKeys + unkeyed + "OK +2\n"},
	{name: "bad KEY", send: "KEY a b\nPING\nPUB / - 1\nPUB / - 2\n", want: "ERR syntax the key contains a space ...\nPONG\n" + unkeyed + "OK +1\n"},
	{name: "KEY twice", send: "KEY a\nKEY b\nPUB x\nPUB / - 1\n", want: noKeys + noKeys + "ERR syntax ...\nOK +1\n"},
	{name: "KEY that waits for nothing", send: "KEY a\n", want: noKeys},
}

// keyScripts are for a server that remembers keys.
var keyScripts = []script{
	{name: "KEY and PUB", send: "KEY #a\nPUB / - 1\nPUB / - 2\n", want: "OK\nOK +1\nOK +2\n"},
	{name: "KEY and PUBN", send: "KEY #a\r\nPUBN / - 5\r\nPING\n\r\nPING\n", want: "OK\nOK +1\nPONG\n"},
	{name: "KEY again", send: "KEY #a\nPUB / - 1\nPUB / - 2\nKEY #b\nPUB / - 3\nKEY #a\nPUB / - 1\nPUB / - 4\n", want: "OK\nOK +1\nOK +2\nOK\nOK +3\nOK\nOK +1\nOK +4\n"},
	{name: "KEY in QUIET", send: "QUIET on\nKEY #a\nPUB / - 1\nKEY #a\nPUB / - 1\nQUIET off\nPUB / - 2\n", want: "OK\nOK\nOK +2\n"},
	{name: "KEY is spent with its PUB", send: "KEY #a\nPUB x - 1\nPUB / - 2\nKEY #a\nPUB / - 3\n", want: "OK\nERR namespace ...\nOK +1\nOK\nOK +2\n"},
	{name: "bad KEY", send: "KEY a b\nPING\nPUB / - 1\nPUB / - 2\n", want: "ERR syntax the key contains a space ...\nPONG\n" + unkeyed + "OK +1\n"},
	{name: "KEY and QUIT", send: "KEY #a\nPUB / - 1\nPING\nKEY #b\nQUIT\n", want: "OK\nOK +1\nPONG\nOK\nOK\n"},
}

const (
	noKeys  = "ERR syntax KEY is not supported without a store: ...\n"
	unkeyed = "ERR syntax the preceding KEY was refused, ...\n"
)

// limit is the DataBytesMax of limitScripts. It is small enough for scripts to exceed it.
const limit = 1000

var limitScripts = []script{
	{name: "data at the limit", send: "PUB / - " + strings.Repeat("x", limit) + "\n" + payload(strings.Repeat("x", limit)), want: "OK +1\nOK +2\n"},
	{name: "data past the limit", send: "PUB / - " + strings.Repeat("x", limit+1) + "\nPING\n", want: "ERR too-long ...\nPONG\n"},
	{name: "line past the limit", send: strings.Repeat("x", 100*limit) + "\nPING\n", want: "ERR too-long ...\nPONG\n"},
	{name: "line past the limit that never ends", send: "PING\n" + strings.Repeat("x", 100*limit), want: "PONG\nERR too-long ...\n"},
	{name: "payload past the limit", send: payload(strings.Repeat("PING\n", 20*limit)) + "PING\n", want: "ERR too-long the data has 100000 bytes, more than the server's limit of 1000\nPONG\n"},
}

// reserved contains the names that a daemon reserves by default.
var reserved = sse.ReservedEvents{{Name: sse.DefaultGapEvent, Flag: "--gap-event"}}

const isReserved = "ERR event the server uses \"gap\" for its own events; use another name, or rename the server's event with --gap-event\n"

var reservedScripts = []script{
	{name: "PUB", send: "PUB / gap x\nPUB / new-dog Corgi\n", want: isReserved + "OK +1\n"},
	{name: "PUBN", send: "PUBN / gap 5\nPING\n\nPING\n", want: isReserved + "PONG\n"},
	{name: "QUIET", send: "QUIET on\nPUB / gap x\nPING\n", want: "OK\n" + isReserved + "PONG\n"},
	{name: "between lines that are alike", send: "PUB / a 1\nPUB / a 2\nPUB / gap 3\nPUB / a 4\nPUB / gap 5\n", want: "OK +1\nOK +2\n" + isReserved + "OK +3\n" + isReserved},
	{name: "names that only resemble it", send: "PUB / Gap 1\nPUB / gaps 2\nPUB / ga 3\nPUB / - gap\n", want: "OK +1\nOK +2\nOK +3\nOK +4\n"},
	{name: "a bad namespace comes first", send: "PUB x gap 1\n", want: "ERR namespace ...\n"},
}

const needsToken = "ERR auth publishing requires a token: send AUTH <token> first\n"

// The two tokens of the suite: one for all namespaces, one for /pets and below.
const (
	tokenForAll  = "token-for-all"
	tokenForPets = "token-for-pets"
)

// Tokens contains the two tokens as lines of a token table, for a server that is not configured
// with an Authenticator.
var Tokens = []string{tokenForAll + " publish", tokenForPets + " publish /pets"}

var tokenScripts = []script{
	{name: "no token", token: tokenForAll, send: "PUB / - x\nPUBN / - 5\nPING\n\nPING\n", want: needsToken + needsToken + "PONG\n"},
	{name: "a long line without a token", token: tokenForAll, send: "PUB / - " + strings.Repeat("x", 5000) + "\nPING\nAUTH " + tokenForAll + "\nPUB / - " + strings.Repeat("x", 5000) + "\n",
		want: "ERR too-long ...\nPONG\nOK\nOK +1\n"},
	{name: "bad token", token: tokenForAll, send: "AUTH token-for\nPUB / - x\n", want: "ERR auth this token is unknown or may not publish\n" + needsToken},
	{name: "good token", token: tokenForAll, send: "AUTH " + tokenForAll + "\nPUB /x - 1\n", want: "OK\nOK +1\n"},
	{name: "token for pets", token: tokenForAll, send: "AUTH " + tokenForPets + "\nPUB /x - 1\nPUB /pets/dogs - 2\n",
		want: "OK\nERR auth the token does not cover namespace \"/x\"\nOK +1\n"},
}

// tokenTable is an Authenticator that accepts the two tokens.
type tokenTable struct{}

type key string

func (tokenTable) Required() bool { return true }

func (tokenTable) Authenticate(token []byte) (publish.Grant, bool) {
	k := key(token)
	return k, k == tokenForAll || k == tokenForPets
}

func (k key) Allows(namespace []byte) bool {
	return k == tokenForAll || nsindex.Within(namespace, "/pets")
}

func payload(data string) string {
	return fmt.Sprintf("PUBN /pets/dogs new-dog %d\n%s\n", len(data), data)
}

// everyCharacter returns a text with every ASCII character, and with every byte that UTF-8 can
// contain.
func everyCharacter() string {
	var b strings.Builder
	for r := rune(0); r < 0x800; r++ {
		b.WriteRune(r)
	}
	for r := rune(0x800); r <= 0x10ffff; r += 0x3f1 {
		if r < 0xd800 || r > 0xdfff {
			b.WriteRune(r)
		}
	}
	return b.String()
}
