package loop_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// ask sends a request and returns the head of the answer.
func ask(t *testing.T, s *ssed.Server, request string) string {
	t.Helper()
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, request)
	head, err := readRawHead(c)
	if err != nil {
		t.Fatalf("got %q, %v", head, err)
	}
	return head
}

// readRawHead reads a head up to and including the blank line.
func readRawHead(r io.Reader) (string, error) {
	var head strings.Builder
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// A logbook captures a debug log for a test.
type logbook struct{ testtool.LockedBuffer }

func (b *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// waitFor waits until the log contains a text.
func (b *logbook) waitFor(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(b.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not contain %q:\n%s", text, b.String())
		}
	}
}

// TestClientAddress checks the logged address of clients behind proxies and PROXY headers.
func TestClientAddress(t *testing.T) {
	for _, tt := range []struct {
		name    string
		opts    ssed.Options
		before  string // bytes before the request
		fields  string
		address string
	}{
		{"of the peer", ssed.Options{}, "", "X-Forwarded-For: 203.0.113.9", "127.0.0.1:"},
		{"of a trusted proxy's client", ssed.Options{TrustedProxies: []string{"127.0.0.0/8"}}, "", "X-Forwarded-For: 203.0.113.9", "203.0.113.9"},
		{"of a trusted proxy itself", ssed.Options{TrustedProxies: []string{"127.0.0.1"}}, "", "X-A: b", "127.0.0.1:"},
		{"the proxy is another", ssed.Options{TrustedProxies: []string{"10.0.0.0/8", "unix"}}, "", "X-Forwarded-For: 203.0.113.9", "127.0.0.1:"},
		{"in a PROXY header", ssed.Options{ProxyProtocol: true}, "PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n", "X-Forwarded-For: 8.8.8.8", "203.0.113.9"},
		{"in a PROXY header, IPv6", ssed.Options{ProxyProtocol: true}, "PROXY TCP6 2001:db8::1 ::1 4711 80\r\n", "X-A: b", "2001:db8::1"},
		{"in a PROXY header of version 2", ssed.Options{ProxyProtocol: true},
			"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x09\x7f\x00\x00\x01\x12\x67\x00\x50", "X-A: b", "203.0.113.9"},
		{"a PROXY header without an address", ssed.Options{ProxyProtocol: true}, "PROXY UNKNOWN\r\n", "X-A: b", "127.0.0.1:"},
		{"a PROXY header, then a trusted proxy", ssed.Options{ProxyProtocol: true, TrustedProxies: []string{"127.0.0.1", "10.0.0.0/8"}},
			"PROXY TCP4 10.1.2.3 127.0.0.1 4711 80\r\n", "X-Forwarded-For: 203.0.113.9", "203.0.113.9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log logbook
			tt.opts.Logger = log.logger()
			s := serve(t, tt.opts)
			request := tt.before + "GET /subscribe/a HTTP/1.1\r\nHost: x\r\n" + tt.fields + "\r\n\r\n"
			for _, piece := range []int{len(request), 1} {
				c := dial(t, s.ListenAddrs()[0])
				for rest := request; rest != ""; {
					n := min(piece, len(rest))
					io.WriteString(c, rest[:n])
					rest = rest[n:]
				}
				if head, err := readRawHead(c); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
					t.Fatalf("got %q, %v", head, err)
				}
				c.Close()
			}
			log.waitFor(t, `msg="subscriber connected" client=`+tt.address)
			log.waitFor(t, `msg="subscriber disconnected" reason=left client=`+tt.address)
			if n := strings.Count(log.String(), `msg="subscriber connected" client=`+tt.address); n != 2 {
				t.Errorf("%d of 2 connections have this client address:\n%s", n, log.String())
			}
		})
	}
}

// TestProxyHeaderIsRequired verifies that with ProxyProtocol every connection needs a PROXY header,
// and that without it none is accepted.
func TestProxyHeaderIsRequired(t *testing.T) {
	t.Parallel()
	s := serve(t, ssed.Options{ProxyProtocol: true, HeaderTimeout: time.Second})
	for _, tt := range []struct{ name, request string }{
		{"none", "GET /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"nonsense", "PROXY TCP4 a b c d\r\nGET /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"one that never ends", "PROXY " + strings.Repeat("x", 200)},
		{"version 2, far too long", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if head := ask(t, s, tt.request); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
				t.Errorf("got %q", head)
			}
		})
	}
	if head := ask(t, s, "PROXY TCP4 1.2.3.4"); !strings.HasPrefix(head, "HTTP/1.1 408 ") {
		t.Errorf("with half a PROXY header: %q", head)
	}
	untrusting := serve(t, ssed.Options{ProxyProtocol: true, TrustedProxies: []string{"10.0.0.0/8"}})
	if head := ask(t, untrusting, "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
		t.Errorf("with a PROXY header of an untrusted client: %q", head)
	}
	if head := ask(t, serve(t, ssed.Options{}), "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
		t.Errorf("with a PROXY header that is not expected: %q", head)
	}
	for _, bad := range []string{"10.0.0.0/99", "proxy.example", ""} {
		if _, err := ssed.New(ssed.Options{TrustedProxies: []string{bad}}); err == nil {
			t.Errorf("the trusted proxy %q was accepted", bad)
		}
	}
}

// TestRefusalCanBeRead verifies that a client that has sent much more than it should still reads
// the whole answer and then the end of the stream, not a reset.
func TestRefusalCanBeRead(t *testing.T) {
	t.Parallel()
	s := serve(t, ssed.Options{})
	for _, request := range []string{
		"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /subscribe/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n",
		"nonsense\r\n\r\n",
	} {
		c := dial(t, s.ListenAddrs()[0])
		if _, err := c.Write(append([]byte(request), make([]byte, 1<<20)...)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c)
		if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 4")) || !bytes.HasSuffix(answer, []byte("\n")) {
			t.Errorf("%.20q: got %q, %v", request, answer, err)
		}
	}
	until(t, s, "the connections are closed", func(s ssed.Stats) bool { return s.PendingConnections == 0 })
}

// TestSecondRequestIsNeverServed verifies that a second request on a connection is ignored, whether
// it is sent with the first one or later.
func TestSecondRequestIsNeverServed(t *testing.T) {
	s := serve(t, ssed.Options{})
	second := "GET /subscribe/b HTTP/1.1\r\nHost: x\r\n\r\n"
	c, r := func() (net.Conn, *bufio.Reader) {
		c := dial(t, s.ListenAddrs()[0])
		io.WriteString(c, "GET /subscribe/a HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n"+second)
		r := bufio.NewReader(c)
		if status, _ := readHead(t, r); status != 200 {
			t.Fatal(status)
		}
		return c, r
	}()
	io.WriteString(c, second)
	publishAll(t, s, sse.Message{Namespace: "/b", Data: []byte("no")}, sse.Message{Namespace: "/a", Data: []byte("yes")})
	expect(t, r, "data:yes\n\n")
	if stats := until(t, s, "the other connections are closed", func(s ssed.Stats) bool { return s.PendingConnections == 0 }); stats.Subscribers != 1 {
		t.Errorf("%d subscribers", stats.Subscribers)
	}
}

// TestInvalidRequestsAreClosed verifies that connections with invalid requests are closed and
// counted.
func TestInvalidRequestsAreClosed(t *testing.T) {
	s := serve(t, ssed.Options{})
	c, _ := subscribe(t, s, "/subscribe/n")
	_, bystander := subscribe(t, s, "/subscribe/n")
	chunk := make([]byte, 64<<10)
	for range 1000 {
		if _, err := c.Write(chunk); err != nil {
			break
		}
	}
	stats := until(t, s, "the connection is closed", func(s ssed.Stats) bool { return s.Subscribers == 1 })
	if stats.Ended["kicked"] != 1 {
		t.Errorf("%+v", stats.Ended)
	}
	publishAll(t, s, sse.Message{Namespace: "/n"})
	expect(t, bystander, "data:\n\n")
}

// TestSetTokens verifies that new tokens apply to new clients, and to the next message of connected
// publishers.
func TestSetTokens(t *testing.T) {
	table := func(lines ...string) *auth.Table {
		table, err := auth.ParseTable(lines)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	var log logbook
	s := serve(t, ssed.Options{Logger: log.logger()})
	p := dial(t, s.PublishAddrs()[0])
	r := bufio.NewReader(p)
	say := func(command, want string) {
		t.Helper()
		fmt.Fprintln(p, command)
		if got := line(t, r); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
	say("PUB /n - x", "OK 1")
	s.SetTokens(table("first-token", "reads-only subscribe"))
	say("PUB /n - x", "ERR auth")
	say("AUTH nonsense", "ERR auth")
	say("AUTH reads-only", "ERR auth")
	say("AUTH first-token", "OK")
	say("PUB /n - x", "OK 2")
	s.SetTokens(table("first-token publish /m"))
	say("PUB /n - x", "ERR auth")
	say("PUB /m - x", "OK 3")
	s.SetTokens(table("other-token"))
	say("PUB /m - x", "ERR auth")
	if head := ask(t, s, "GET /subscribe/n?token=first-token HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(head, "HTTP/1.1 401 ") {
		t.Errorf("with a removed token: %q", head)
	}
	s.SetTokens(nil)
	say("PUB /n - x", "OK 4")
	ask(t, s, "GET /subscribe/n?token=first-token HTTP/1.1\r\nHost: x\r\nX-Authorization: first-token\r\n\r\n")
	if strings.Contains(log.String(), "first-token") {
		t.Errorf("the log contains a token:\n%s", log.String())
	}
}

// TestResponseHeads checks the heads of answers. An answer to HEAD has no body, whatever its status
// is (RFC 9110 section 9.3.2). No answer has a Transfer-Encoding (RFC 9112 section 6.1), and 204
// has no length (RFC 9110 section 8.6). 401 has a scheme (section 11.6.1), 405 has the methods
// (section 15.5.6), and each answer has a Date in the preferred form (section 5.6.7).
func TestResponseHeads(t *testing.T) {
	t.Parallel()
	tokens, err := auth.ParseTable([]string{"reads-pets subscribe /pets"})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, ssed.Options{Tokens: tokens, HeaderTimeout: time.Second})
	const token = "X-Authorization: reads-pets\r\n"
	for _, tt := range []struct{ name, request, status, has string }{
		{"a stream", "HEAD /subscribe/pets HTTP/1.1\r\nHost: x\r\n" + token + "\r\n", "200", "Content-Type: text/event-stream"},
		{"nothing there", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "404", "Content-Length: "},
		{"no token", "HEAD /subscribe/pets HTTP/1.1\r\nHost: x\r\n\r\n", "401", "WWW-Authenticate: Bearer"},
		{"another's", "HEAD /subscribe/time HTTP/1.1\r\nHost: x\r\n" + token + "\r\n", "403", "Content-Length: "},
		{"a bad namespace", "HEAD /subscribe/a%00 HTTP/1.1\r\nHost: x\r\n" + token + "\r\n", "400", "Content-Length: "},
		{"dots in disguise", "HEAD /subscribe/%2e%2e/a HTTP/1.1\r\nHost: x\r\n" + token + "\r\n", "400", "Content-Length: "},
		{"an overlong slash", "HEAD /subscribe/a%C0%AFb HTTP/1.1\r\nHost: x\r\n" + token + "\r\n", "400", "Content-Length: "},
		{"no host", "HEAD /subscribe/pets HTTP/1.1\r\n\r\n", "400", "Content-Length: "},
		{"it never ends", "HEAD /subscribe/pets HTTP/1.1\r\n", "408", "Content-Length: "},
		{"OPTIONS", "OPTIONS /subscribe/pets HTTP/1.1\r\nHost: x\r\n\r\n", "204", "Allow: GET, HEAD, OPTIONS"},
		{"OPTIONS of all", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "204", "Allow: GET, HEAD, OPTIONS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, s.ListenAddrs()[0])
			io.WriteString(c, tt.request)
			answer, err := io.ReadAll(c)
			if err != nil {
				t.Fatal(err)
			}
			head, body, ended := strings.Cut(string(answer), "\r\n\r\n")
			if !ended || body != "" || !strings.HasPrefix(head, "HTTP/1.1 "+tt.status+" ") || !strings.Contains(head, "\r\n"+tt.has) {
				t.Errorf("got %q", answer)
			}
			if strings.Contains(head, "Transfer-Encoding") || tt.status == "204" && strings.Contains(head, "Content-Length") {
				t.Errorf("an unexpected field: %q", head)
			}
			_, date, _ := strings.Cut(head, "\r\nDate: ")
			date, _, _ = strings.Cut(date, "\r\n")
			if at, err := time.Parse(http.TimeFormat, date); err != nil || time.Since(at).Abs() > 10*time.Second {
				t.Errorf("the date is %q", date)
			}
		})
	}
}

// TestRefusalsNameTheClient verifies that refusals are logged with the client address that a
// trusted proxy reports. Otherwise a client that guesses tokens could hide behind the proxy.
func TestRefusalsNameTheClient(t *testing.T) {
	var log logbook
	s := serve(t, ssed.Options{Logger: log.logger(), TrustedProxies: []string{"127.0.0.1"}})
	ask(t, s, "GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n")
	log.waitFor(t, `msg="request refused" client=203.0.113.9 status=404`)
}

// TestPublishersHaveReservedPlaces verifies that publishers can connect while subscribers and other
// clients hold all of their places.
func TestPublishersHaveReservedPlaces(t *testing.T) {
	s := serve(t, ssed.Options{ConnsMax: 50, PublishersMax: 150})
	for range 300 {
		dial(t, s.ListenAddrs()[0])
	}
	until(t, s, "all places are taken", func(s ssed.Stats) bool { return s.TurnedAway > 0 })
	p := dial(t, s.PublishAddrs()[0])
	io.WriteString(p, "PUB /n - x\n")
	expect(t, p, "OK 1\n")
	// A publisher above the limit gets an error.
	for range 200 {
		dial(t, s.PublishAddrs()[0])
	}
	late := dial(t, s.PublishAddrs()[0])
	expect(t, late, "ERR busy ")
}

// TestNamespaceOfTheQueryAlone checks requests with namespaces only in the query.
func TestNamespaceOfTheQueryAlone(t *testing.T) {
	s := serve(t, ssed.Options{})
	for _, query := range []string{"ns=/pets", "ns[]=/pets", "ns[0]=/pets", "ns%5B%5D=/pets", "ns%5b0%5d=%2Fpets"} {
		_, r := subscribe(t, s, "/subscribe/?"+query)
		publishAll(t, s, sse.Message{Namespace: "/time"}, sse.Message{Namespace: "/pets", Data: []byte("x")})
		expect(t, r, "data:x\n\n")
	}
	for _, target := range []string{"/subscribe/?topic=/pets", "/subscribe/pets?channel=/pets", "/subscribe?ns=/pets&NS=/time"} {
		head, body := answer(t, s, "GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 400 ") || !strings.Contains(body, "expected ns, such as ns=/pets") {
			t.Errorf("%s: %q %q", target, head, body)
		}
	}
}

// TestLongSetFits verifies that the largest valid set fits into a request, even with every byte
// encoded.
func TestLongSetFits(t *testing.T) {
	s := serve(t, ssed.Options{})
	var target strings.Builder
	target.WriteString("/subscribe?")
	for i := range nsindex.SetMax {
		ns := fmt.Sprintf("/%c%s", 'Ā'+i, strings.Repeat("é", (nsindex.SetBytesMax-nsindex.SetMax*3)/nsindex.SetMax/2))
		fmt.Fprintf(&target, "&ns=%s", url.QueryEscape(ns))
	}
	if target.Len() < 10<<10 {
		t.Fatalf("the target has only %d bytes", target.Len())
	}
	_, r := subscribe(t, s, target.String())
	publishAll(t, s, sse.Message{Namespace: "/" + string(rune('Ā'+nsindex.SetMax-1)) + strings.Repeat("é", 30), Data: []byte("x")})
	expect(t, r, "data:x\n\n")
	if head := ask(t, s, "GET /subscribe/"+strings.Repeat("a", 17<<10)+" HTTP/1.1\r\n\r\n"); !strings.HasPrefix(head, "HTTP/1.1 414 ") {
		t.Errorf("a target that is longer than the limit of a head: %q", head)
	}
}

// TestEmptyParametersCountAsAbsent verifies that empty parameters count as absent, because pages
// send parameters before they have values for them.
func TestEmptyParametersCountAsAbsent(t *testing.T) {
	s := serve(t, ssed.Options{History: []ssed.HistoryRule{{Prefix: "/", Messages: 10}}})
	publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte("old")})
	until(t, s, "the message is kept", func(s ssed.Stats) bool { return s.Published == 1 })
	_, r := subscribe(t, s, "/subscribe/n?last=&since=&last_event_id=&lastEventId")
	publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte("new")})
	if text := line(t, r); !strings.HasPrefix(text, "id:") {
		t.Errorf("got %q", text)
	}
	expect(t, r, "data:new\n\n")
}
