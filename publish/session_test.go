package publish

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// recorder is a Sink that records its messages, and refuses some namespaces.
type recorder struct{ got []string }

func (r *recorder) Publish(namespace, event, data []byte) (uint64, error) {
	switch string(namespace) {
	case "/full":
		return 0, fmt.Errorf("%w: the mailbox is full, try again later", ErrBusy)
	case "/broken":
		return 0, errors.New("the disk\nis gone")
	}
	r.got = append(r.got, fmt.Sprintf("%s|%s|%s", namespace, event, data))
	return uint64(len(r.got)), nil
}

// tokens allows the token "pets" to publish below /pets, and "all" everywhere.
type tokens struct{}

func (tokens) Required() bool { return true }

func (tokens) Authenticate(token []byte) (Grant, bool) {
	switch string(token) {
	case "all":
		return below("/"), true
	case "pets":
		return below("/pets"), true
	}
	return nil, false
}

type below string

func (b below) Allows(namespace []byte) bool { return strings.HasPrefix(string(namespace), string(b)) }

var (
	open    = Config{}
	guarded = Config{Auth: tokens{}}
	small   = Config{DataBytesMax: 8}
)

// smallLine is the length of the longest line with the small configuration.
var smallLine = lineBytesMax(8)

// A conversation is a test case: the input, the replies, and the published messages. The words of
// an ERR may be cut with "..." where they come from another package.
type conversation struct {
	name    string
	cfg     *Config
	keyless bool // the sink does not support keys
	in      string
	out     string
	got     []string
	done    bool
	pending int // bytes that are held at the end
}

const (
	emptyLine  = "ERR syntax empty line: expected a command\n"
	missingEnd = "ERR syntax missing line end after the payload: check the number of bytes; input is skipped up to the next line end\n"
	needsToken = "ERR auth publishing requires a token: send AUTH <token> first\n"
	noEvent    = "ERR syntax missing event: expected PUB <namespace> <event> <data>, with exactly one space between fields and - for no event\n"
	noSpace    = "ERR syntax missing namespace: expected PUB <namespace> <event> <data>, with exactly one space between fields\n"
	noData     = "ERR syntax missing data: to send empty data, end the line with a space after the event\n"
	notUTF8    = "ERR utf8 invalid UTF-8 in the data at byte 1\n"
)

var conversations = append(keyConversations, []conversation{
	// PUB
	{name: "PUB", in: "PUB /pets/dogs new-dog Corgi\n", out: "OK 1\n", got: []string{"/pets/dogs|new-dog|Corgi"}},
	{name: "PUB in CRLF", in: "PUB /pets new-dog Corgi\r\n", out: "OK 1\n", got: []string{"/pets|new-dog|Corgi"}},
	{name: "PUB keeps spaces", in: "PUB /pets e  two  spaces \n", out: "OK 1\n", got: []string{"/pets|e| two  spaces "}},
	{name: "PUB keeps a CR inside", in: "PUB /pets e a\rb\r\r\n", out: "OK 1\n", got: []string{"/pets|e|a\rb\r"}},
	{name: "PUB with empty data", in: "PUB /pets e \n", out: "OK 1\n", got: []string{"/pets|e|"}},
	{name: "PUB without event", in: "PUB /pets - x\n", out: "OK 1\n", got: []string{"/pets||x"}},
	{name: "PUB to the root", in: "PUB / - x\n", out: "OK 1\n", got: []string{"/||x"}},
	{name: "PUB drops a trailing slash", in: "PUB /pets/ - x\n", out: "OK 1\n", got: []string{"/pets||x"}},
	{name: "PUB with UTF-8", in: "PUB /tiere/größe größe für Döggeli\n", out: "OK 1\n", got: []string{"/tiere/größe|größe|für Döggeli"}},
	{name: "PUB with NUL in the data", in: "PUB /pets e a\x00b\n", out: "OK 1\n", got: []string{"/pets|e|a\x00b"}},
	{name: "PUB of a line that looks like HTTP", in: "PUB / - HTTP/1.1\n", out: "OK 1\n", got: []string{"/||HTTP/1.1"}},
	{name: "PUB alone", in: "PUB\n", out: noSpace},
	{name: "PUB with a second space", in: "PUB  /pets e x\n", out: noSpace},
	{name: "PUB with namespace only", in: "PUB /pets\n", out: noEvent},
	{name: "PUB with a space before the event", in: "PUB /pets  e x\n", out: noEvent},
	{name: "PUB without the space before data", in: "PUB /pets e\n", out: noData},

	// The other codes. The next command must not be affected.
	{name: "bad namespace", in: "PUB pets e x\nPING\n", out: "ERR namespace \"pets\" must start with \"/\"\nPONG\n"},
	{name: "dots in a namespace", in: "PUB /a/../b e x\nPING\n", out: "ERR namespace ...\nPONG\n"},
	{name: "long event", in: "PUB /pets " + strings.Repeat("e", 257) + " x\nPING\n", out: "ERR event ...\nPONG\n"},
	{name: "CR in an event", in: "PUB /pets a\rb x\nPING\n", out: "ERR event ...\nPONG\n"},
	{name: "bad UTF-8 in the event", in: "PUB /pets \xff x\nPING\n", out: "ERR event ...\nPONG\n"},
	{name: "bad UTF-8 in the data", in: "PUB /pets e x\xff\nPING\n", out: notUTF8 + "PONG\n"},
	{name: "long data", cfg: &small, in: "PUB /pets e 123456789\nPING\n", out: "ERR too-long the data has 9 bytes, more than the server's limit of 8\nPONG\n"},
	{name: "longest data", cfg: &small, in: "PUB /pets e 12345678\n", out: "OK 1\n", got: []string{"/pets|e|12345678"}},
	{name: "busy", in: "PUB /full e x\nPING\n", out: "ERR busy the mailbox is full, try again later\nPONG\n"},
	{name: "a sink's own trouble", in: "PUB /broken e x\nPING\n", out: "ERR busy the disk is gone\nPONG\n"},

	// Overlong lines
	{name: "line at the limit", cfg: &small, in: strings.Repeat("x", smallLine) + "\nPING\n", out: "ERR syntax ...\nPONG\n"},
	{name: "line past the limit", cfg: &small, in: strings.Repeat("x", smallLine+1) + "\nPING\n",
		out: fmt.Sprintf("ERR too-long line too long: at most %d bytes are allowed; the line is skipped\nPONG\n", smallLine)},
	{name: "line far past the limit", cfg: &small, in: strings.Repeat("PUB ", smallLine) + "\nPING\n", out: "ERR too-long ...\nPONG\n"},
	{name: "overlong line that does not end", cfg: &small, in: strings.Repeat("x", 3*smallLine), out: "ERR too-long ...\n"},
	{name: "longest fields fit into a line", cfg: &small,
		in:  "PUB /" + strings.Repeat("n", 1023) + " " + strings.Repeat("e", 256) + " 12345678\r\n",
		out: "OK 1\n", got: []string{"/" + strings.Repeat("n", 1023) + "|" + strings.Repeat("e", 256) + "|12345678"}},

	// PUBN
	{name: "PUBN", in: "PUBN /pets e 5\nCorgi\nPING\n", out: "OK 1\nPONG\n", got: []string{"/pets|e|Corgi"}},
	{name: "PUBN in CRLF", in: "PUBN /pets e 5\r\nCorgi\r\nPING\r\n", out: "OK 1\nPONG\n", got: []string{"/pets|e|Corgi"}},
	{name: "PUBN with line ends", in: "PUBN /pets - 9\na\nb\r\nc\rd\n\n", out: "OK 1\n", got: []string{"/pets||a\nb\r\nc\rd\n"}},
	{name: "PUBN that ends in CR", in: "PUBN /pets - 2\na\r\nPING\n", out: "OK 1\nPONG\n", got: []string{"/pets||a\r"}},
	{name: "PUBN that ends in CR, in CRLF", in: "PUBN /pets - 2\na\r\r\nPING\n", out: "OK 1\nPONG\n", got: []string{"/pets||a\r"}},
	{name: "PUBN of nothing", in: "PUBN /pets - 0\n\nPING\n", out: "OK 1\nPONG\n", got: []string{"/pets||"}},
	{name: "PUBN of nothing, in CRLF", in: "PUBN /pets - 00\r\n\r\nPING\n", out: "OK 1\nPONG\n", got: []string{"/pets||"}},
	{name: "PUBN that holds commands", in: "PUBN /pets - 10\nPING\nQUIT\n\nPING\n", out: "OK 1\nPONG\n", got: []string{"/pets||PING\nQUIT\n"}},
	{name: "PUBN twice", in: "PUBN /a e 1\nx\nPUBN /b - 1\ny\n", out: "OK 1\nOK 2\n", got: []string{"/a|e|x", "/b||y"}},
	{name: "PUBN payload too short", in: "PUBN /pets - 7\nCorgi\nPING\nPING\n", out: missingEnd + "PONG\n"},
	{name: "PUBN payload too long", in: "PUBN /pets - 3\nCorgi\nPING\n", out: missingEnd + "PONG\n"},
	{name: "PUBN payload and CR without LF", in: "PUBN /pets - 5\nCorgi\r\rPING\nPING\n", out: missingEnd + "PONG\n"},
	{name: "PUBN with a bad number", in: "PUBN /pets - x5\nPING\n",
		out: `ERR syntax invalid number of bytes "x5": expected PUBN <namespace> <event> <bytes>, then the bytes and a line end` + "\nPONG\n"},
	{name: "PUBN with a signed number", in: "PUBN /pets - -5\nPING\n", out: "ERR syntax ...\nPONG\n"},
	{name: "PUBN with no number", in: "PUBN /pets -\nPING\n", out: "ERR syntax ...\nPONG\n"},
	{name: "PUBN with data on the line", in: "PUBN /pets - 5 Corgi\nPING\n", out: "ERR syntax ...\nPONG\n"},
	{name: "PUBN with 19 digits", in: "PUBN /pets - 1000000000000000000\nPING\n", out: "ERR syntax ...\nPONG\n"},
	{name: "PUBN without event", in: "PUBN /pets 5\nPING\n", out: "ERR syntax ...\nPONG\n"},
	{name: "PUBN with a bad namespace", in: "PUBN pets - 5\nPING\n\nPING\n", out: "ERR namespace ...\nPONG\n"},
	{name: "PUBN with a bad event", in: "PUBN /pets " + strings.Repeat("e", 257) + " 5\nPING\n\nPING\n", out: "ERR event ...\nPONG\n"},
	{name: "PUBN with bad UTF-8", in: "PUBN /pets - 2\nx\xff\nPING\n", out: notUTF8 + "PONG\n"},
	{name: "PUBN past the limit", cfg: &small, in: "PUBN /pets - 9\n123456789\nPING\n", out: "ERR too-long the data has 9 bytes, more than the server's limit of 8\nPONG\n"},
	{name: "PUBN far past the limit", cfg: &small, in: "PUBN /pets - 99999\n" + strings.Repeat("PING\n\n", 16667)[:99999] + "\r\nPING\n", out: "ERR too-long ...\nPONG\n"},
	{name: "PUBN refused and badly ended", cfg: &small, in: "PUBN /pets - 9\n123456789PING\nPING\n", out: "ERR too-long ...\nPONG\n"},
	{name: "PUBN to a busy sink", in: "PUBN /full - 1\nx\nPING\n", out: "ERR busy ...\nPONG\n"},

	// AUTH
	{name: "AUTH where no token is required", in: "AUTH anything\n", out: "OK\n"},
	{name: "AUTH without token", in: "AUTH\nAUTH \n", out: strings.Repeat("ERR syntax missing token: expected AUTH <token>\n", 2)},
	{name: "PUB before AUTH", cfg: &guarded, in: "PUB /pets - x\n", out: needsToken},
	{name: "PUBN before AUTH", cfg: &guarded, in: "PUBN /pets - 5\nPING\n\nPING\n", out: needsToken + "PONG\n"},
	{name: "AUTH with a bad token", cfg: &guarded, in: "AUTH secret\nPUB / - x\n", out: "ERR auth this token is unknown or may not publish\n" + needsToken},
	{name: "AUTH", cfg: &guarded, in: "AUTH all\r\nPUB /x - x\n", out: "OK\nOK 1\n", got: []string{"/x||x"}},
	{name: "AUTH for some namespaces", cfg: &guarded, in: "AUTH pets\nPUB /x - x\nPUB /pets - y\n",
		out: "OK\nERR auth the token does not cover namespace \"/x\"\nOK 1\n", got: []string{"/pets||y"}},
	{name: "PUBN outside the grant", cfg: &guarded, in: "AUTH pets\nPUBN /x - 5\nPING\n\nPING\n", out: "OK\nERR auth ...\nPONG\n"},
	{name: "AUTH with another token", cfg: &guarded, in: "AUTH pets\nAUTH all\nPUB /x - x\n", out: "OK\nOK\nOK 1\n", got: []string{"/x||x"}},
	{name: "a bad AUTH revokes nothing", cfg: &guarded, in: "AUTH all\nAUTH secret\nPUB /x - x\n", out: "OK\nERR auth ...\nOK 1\n", got: []string{"/x||x"}},
	{name: "PING before AUTH", cfg: &guarded, in: "PING\n", out: "PONG\n"},

	// PING, QUIET, QUIT
	{name: "PING", in: "PING\nPING\r\n", out: "PONG\nPONG\n"},
	{name: "PING with words", in: "PING x\nPING \n", out: strings.Repeat("ERR syntax PING accepts no arguments\n", 2)},
	{name: "QUIET", in: "QUIET on\nPUB /a - x\nPUBN /a - 1\ny\nPING\nPUB a - x\nAUTH x\nQUIET off\nPUB /a - z\n",
		out: "OK\nPONG\nERR namespace ...\nOK\nOK\nOK 3\n", got: []string{"/a||x", "/a||y", "/a||z"}},
	{name: "QUIET with another word", in: "QUIET\nQUIET maybe\nPING\n",
		out: "ERR syntax invalid QUIET argument \"\": expected on or off\nERR syntax invalid QUIET argument \"maybe\": expected on or off\nPONG\n"},
	{name: "QUIT", in: "QUIT\nPING\n", out: "OK\n", done: true},
	{name: "QUIT when quiet", in: "QUIET on\nQUIT\n", out: "OK\nOK\n", done: true},
	{name: "QUIT with words", in: "QUIT now\nPING\n", out: "ERR syntax QUIT accepts no arguments\nPONG\n"},

	// Lines that are not commands
	{name: "empty line", in: "\n\r\nPING\n", out: emptyLine + emptyLine + "PONG\n"},
	{name: "lower case", in: "pub /pets e x\nPING\n",
		out: `ERR syntax unknown command "pub": expected PUB, PUBN, KEY, AUTH, PING, QUIET or QUIT, in upper case` + "\nPONG\n"},
	{name: "leading space", in: " PING\nPING\n", out: "ERR syntax leading space: expected a command at the start of the line\nPONG\n"},
	{name: "a long word is cut short", in: strings.Repeat("\x00", 99) + "\n", out: "ERR syntax unknown command \"" + strings.Repeat(`\x00`, 32) + "\"...: expected ...\n"},
	{name: "a web page posts", in: "POST / HTTP/1.1\r\nHost: x\r\n\r\nPUB / - x\n", out: "ERR syntax HTTP is not supported on the publish port: ...\n", done: true},
	{name: "a web page posts to a long path", cfg: &small, in: "POST /" + strings.Repeat("x", 2000) + " HTTP/1.1\r\nhost: x\r\n\r\nPUB / - x\n",
		out: "ERR too-long ...\nERR syntax HTTP is not supported on the publish port: ...\n", done: true},

	// Half commands at the end
	{name: "half a line", in: "PUB /pets - x\nPUB /pets - y", out: "OK 1\n", got: []string{"/pets||x"}, pending: len("PUB /pets - y")},
	{name: "half a payload", in: "PUBN /pets e 5\nCor", pending: len("/petseCor")},
	{name: "payload without its line end", in: "PUBN /pets e 5\nCorgi\r", pending: len("/petseCorgi")},
	{name: "half a payload that is refused", in: "PUBN pets e 500\nCor", out: "ERR namespace ...\n"},
}...)

func (c *conversation) config() *Config {
	if c.cfg == nil {
		return &open
	}
	return c.cfg
}

// feed plays input to a new session in pieces of at most n bytes.
func feed(cfg *Config, in []byte, sizes ...int) (s *Session, out string, got []string, done bool) {
	var sink recorder
	s, out, done = feedTo(&sink, cfg, in, sizes...)
	return s, out, sink.got, done
}

func feedTo(sink Sink, cfg *Config, in []byte, sizes ...int) (s *Session, out string, done bool) {
	s = NewSession(cfg)
	var replies []byte
	for i := 0; len(in) > 0; i++ {
		n := min(sizes[min(i, len(sizes)-1)], len(in))
		piece := bytes.Clone(in[:n])
		replies, done = s.Feed(piece, sink, replies)
		clear(piece) // the session must not keep it
		in = in[n:]
	}
	return s, string(replies), done
}

func (c *conversation) play(t *testing.T, sizes ...int) {
	t.Helper()
	remembers := &recorder{}
	sink := Sink(remembers)
	if c.keyless {
		sink = struct{ Sink }{remembers}
	}
	s, out, done := feedTo(sink, c.config(), []byte(c.in), sizes...)
	got := remembers.got
	if !matches(out, c.out) {
		t.Errorf("split %v: replies\n%q, want\n%q", sizes, out, c.out)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.got) {
		t.Errorf("split %v: published %q, want %q", sizes, got, c.got)
	}
	if done != c.done {
		t.Errorf("split %v: done %v, want %v", sizes, done, c.done)
	}
	if s.Buffered() != c.pending {
		t.Errorf("split %v: %d bytes held, want %d", sizes, s.Buffered(), c.pending)
	}
}

// matches reports whether got has the same lines as want. A line of want may end in "...".
func matches(got, want string) bool {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(g) != len(w) {
		return false
	}
	for i := range w {
		begin, open := strings.CutSuffix(w[i], "...")
		if g[i] != w[i] && !(open && strings.HasPrefix(g[i], begin) && len(g[i]) > len(begin)) {
			return false
		}
	}
	return true
}

func TestSession(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			c.play(t, len(c.in))
			c.play(t, 1)
			for at := 1; at < min(len(c.in), 3000); at++ {
				c.play(t, at, len(c.in))
			}
		})
	}
}

// TestSessionPipelined feeds all conversations that end in the initial state to one session, in one
// piece.
func TestSessionPipelined(t *testing.T) {
	var in, want strings.Builder
	for _, c := range conversations {
		if c.cfg == nil && !c.keyless && !c.done && c.pending == 0 && strings.HasSuffix(c.in, "\n") {
			in.WriteString(c.in)
			want.WriteString(c.out)
		}
	}
	_, out, _, _ := feed(&open, []byte(in.String()), in.Len())
	if got, want := renumber(out), renumber(want.String()); !matches(got, want) {
		t.Errorf("replies\n%s\nwant\n%s", got, want)
	}
}

// renumber replaces the numbers of "OK <sequence>".
func renumber(replies string) string {
	lines := strings.Split(replies, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "OK ") {
			lines[i] = "OK n"
		}
	}
	return strings.Join(lines, "\n")
}

func TestFeedAfterQuit(t *testing.T) {
	s, sink := NewSession(&open), &recorder{}
	s.Feed([]byte("QUIT\n"), sink, nil)
	out, done := s.Feed([]byte("PUB / - x\n"), sink, nil)
	if len(out) > 0 || !done || len(sink.got) > 0 {
		t.Errorf("after QUIT: replies %q, done %v, published %q", out, done, sink.got)
	}
}

func TestFeedAppends(t *testing.T) {
	out, _ := NewSession(&open).Feed([]byte("PING\n"), &recorder{}, []byte("before "))
	if string(out) != "before PONG\n" {
		t.Errorf("out is %q", out)
	}
}

// TestHeldBytesAreBounded checks the size of held while a line or a payload does not end.
func TestHeldBytesAreBounded(t *testing.T) {
	endless := map[string]string{
		"line":            strings.Repeat("x", 10*smallLine),
		"refused payload": "PUBN /pets - 999999999\n" + strings.Repeat("x", 10*smallLine),
	}
	for name, in := range endless {
		t.Run(name, func(t *testing.T) {
			s := NewSession(&small)
			for i := range len(in) {
				s.Feed([]byte(in[i:i+1]), &recorder{}, nil)
				if s.Buffered() > smallLine || cap(s.held) > 4*smallLine {
					t.Fatalf("after %d bytes, the session holds %d bytes in a buffer of %d", i, s.Buffered(), cap(s.held))
				}
			}
		})
	}
}

func TestSessionFreesLargeBuffer(t *testing.T) {
	s, sink := NewSession(&open), &recorder{}
	long := "PUB /pets - " + strings.Repeat("x", 1<<20)
	s.Feed([]byte(long), sink, nil)
	if s.Buffered() != len(long) {
		t.Fatalf("the session holds %d bytes, want %d", s.Buffered(), len(long))
	}
	s.Feed([]byte("\n"), sink, nil)
	if s.Buffered() != 0 || cap(s.held) > heldBytesKept || len(sink.got) != 1 {
		t.Errorf("the session holds %d bytes in a buffer of %d, and has published %d messages", s.Buffered(), cap(s.held), len(sink.got))
	}
}

func TestFeedDoesNotAllocate(t *testing.T) {
	in := []byte(strings.Repeat("PUB /pets/dogs new-dog Corgi\nPUBN /pets - 3\na\nb\nPING\nPUB /pets - ha", 9)[:390])
	s, sink := NewSession(&open), &nowhere{}
	out := make([]byte, 0, 4096)
	cut := bytes.LastIndexByte(in, '\n') + 1
	if n := testing.AllocsPerRun(100, func() {
		out, _ = s.Feed(in[:17], sink, out[:0])
		out, _ = s.Feed(in[17:cut], sink, out)
	}); n != 0 {
		t.Errorf("%v allocations for good commands", n)
	}
}
