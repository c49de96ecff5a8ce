package loop_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
)

const (
	listedOrigin = "https://listed.example"
	otherOrigin  = "https://other.example"
)

// from returns a request with the given Origin, or without one if origin is empty.
func from(line, origin string) string {
	request := line + " HTTP/1.1\r\nHost: x\r\n"
	if origin != "" {
		request += "Origin: " + origin + "\r\n"
	}
	return request + "\r\n"
}

// checkOwn checks that the CORS fields of an answer belong to its own request.
func checkOwn(t *testing.T, what, head, status, origin string) {
	t.Helper()
	if !strings.HasPrefix(head, "HTTP/1.1 "+status+" ") || !strings.Contains(head, "\r\nVary: Origin\r\n") {
		t.Errorf("%s: %q", what, head)
	}
	own := strings.Contains(head, "\r\nAccess-Control-Allow-Origin: "+listedOrigin+"\r\nAccess-Control-Allow-Credentials: true\r\n")
	if own != (origin == listedOrigin) || !own && strings.Contains(head, "Access-Control-Allow") {
		t.Errorf("%s of origin %q: %q", what, origin, head)
	}
}

// TestNoCORSFieldsOfOtherRequests verifies that no answer contains the CORS fields of an earlier
// client's answer. It checks answers of the loop, answers for a path that is handed over, and
// answers to invalid heads.
func TestNoCORSFieldsOfOtherRequests(t *testing.T) {
	t.Parallel()
	origins := []string{listedOrigin}
	off := serve(t, ssed.Options{CORSOrigins: origins, HeaderTimeout: time.Second, Handover: &ssed.Handover{Paths: []string{"/admin", "/metrics"}}})
	taken := make(chan *ssed.HandedConn, 1)
	busy := serve(t, ssed.Options{CORSOrigins: origins, Handover: &ssed.Handover{Paths: []string{"/admin"}, ConnsMax: 1, Take: func(c *ssed.HandedConn) { taken <- c }}})
	io.WriteString(dial(t, busy.ListenAddrs()[0]), from("GET /admin", ""))
	defer (<-taken).Close()
	full := serve(t, ssed.Options{CORSOrigins: origins, ConnsMax: 1})
	subscribe(t, full, "/subscribe/a")
	for _, tt := range []struct {
		what    string
		server  *ssed.Server
		request string // without the end of its line
		status  string
	}{
		{"switched off", off, "GET /admin", "403"},
		{"below it", off, "GET /admin/status.json", "403"},
		{"another one", off, "HEAD /metrics", "403"},
		{"too many handed over", busy, "GET /admin", "503"},
		{"nothing there", off, "GET /nowhere", "404"},
		{"a wrong method", off, "POST /subscribe/a", "405"},
		{"no namespace", off, "GET /subscribe", "400"},
		{"no place", full, "GET /subscribe/a", "200"},
	} {
		for _, origin := range []string{"", otherOrigin, listedOrigin} {
			// This answer must not affect the next one.
			ask(t, tt.server, from("HEAD /subscribe/a", listedOrigin))
			status := tt.status
			if origin == otherOrigin && strings.Contains(tt.request, " /subscribe") {
				status = "403"
			}
			checkOwn(t, tt.what, ask(t, tt.server, from(tt.request, origin)), status, origin)
		}
	}
	late := dial(t, off.ListenAddrs()[0])
	io.WriteString(late, "GET /subscribe/a HTTP/1.1\r\n")
	for _, malformed := range []string{"nonsense\r\n\r\n", "GET /subscribe/a HTTP/1.1\r\nOrigin: " + listedOrigin + "\r\nbroken\r\n\r\n"} {
		ask(t, off, from("HEAD /subscribe/a", listedOrigin))
		checkOwn(t, "a malformed head", ask(t, off, malformed), "400", "")
	}
	head, _ := readRawHead(late)
	checkOwn(t, "half a head", head, "408", "")
}

// TestNoCORSFieldsOfOtherRequestsInLateResponses verifies the same for answers that wait for
// Options.Authorize or for the end of the server.
func TestNoCORSFieldsOfOtherRequestsInLateResponses(t *testing.T) {
	release := map[string]chan error{"/yes": make(chan error), "/no": make(chan error), "/later": make(chan error), "/never": nil}
	asked := make(chan string)
	s := serve(t, ssed.Options{
		CORSOrigins: []string{listedOrigin},
		Authorize: func(ctx context.Context, r *ssed.Request) error {
			if r.Namespaces[0] == "/at-once" {
				return nil
			}
			asked <- r.Namespaces[0]
			select {
			case err := <-release[r.Namespaces[0]]:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	})
	type waiting struct {
		net.Conn
		path, origin string
	}
	var all []waiting
	for path := range release {
		for _, origin := range []string{"", listedOrigin} {
			c := dial(t, s.ListenAddrs()[0])
			io.WriteString(c, from("GET /subscribe"+path, origin))
			<-asked
			all = append(all, waiting{c, path, origin})
		}
	}
	words := map[string]error{"/no": net.ErrClosed, "/later": ssed.ErrRetryLater}
	statuses := map[string]string{"/yes": "200", "/no": "403", "/later": "200", "/never": "200"}
	check := func(w waiting) {
		head, _ := readRawHead(bufio.NewReader(w))
		checkOwn(t, w.path, head, statuses[w.path], w.origin)
	}
	for _, w := range all {
		if release[w.path] != nil {
			ask(t, s, from("HEAD /subscribe/at-once", listedOrigin))
			release[w.path] <- words[w.path]
		}
	}
	for _, w := range all {
		if release[w.path] != nil {
			check(w)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	for _, w := range all {
		if release[w.path] == nil {
			check(w)
		}
	}
	for _, w := range all {
		w.Close()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestCORS checks the CORS fields of answers, with and without a list of origins.
func TestCORS(t *testing.T) {
	open := serve(t, ssed.Options{})
	listed := serve(t, ssed.Options{CORSOrigins: []string{"https://example.org", "http://localhost:3000", "https://*.example.net", "capacitor://localhost"}})
	for _, tt := range []struct {
		name   string
		server *ssed.Server
		method string
		origin string
		status string
		fields []string
		never  string
	}{
		{"any page", open, "GET", "https://evil.example", "200", []string{"Access-Control-Allow-Origin: *"}, "Credentials"},
		{"no page at all", open, "GET", "", "200", []string{"Access-Control-Allow-Origin: *"}, "Vary"},
		{"a page of the list", listed, "GET", "https://example.org", "200",
			[]string{"Access-Control-Allow-Origin: https://example.org", "Access-Control-Allow-Credentials: true", "Vary: Origin"}, "Origin: *"},
		{"another one of it", listed, "HEAD", "http://localhost:3000", "200", []string{"Access-Control-Allow-Origin: http://localhost:3000"}, "Origin: *"},
		{"a page that is not", listed, "GET", "https://evil.example", "403", []string{"Vary: Origin"}, "Access-Control"},
		{"one that begins like one", listed, "GET", "https://example.org.evil.example", "403", []string{"Vary: Origin"}, "Access-Control"},
		{"a sandbox", listed, "GET", "null", "403", nil, "Access-Control"},
		{"curl", listed, "GET", "", "200", []string{"Vary: Origin"}, "Access-Control"},
		{"a preflight", listed, "OPTIONS", "https://example.org", "204",
			[]string{"Access-Control-Allow-Origin: https://example.org", "Access-Control-Allow-Methods: GET, HEAD, OPTIONS",
				"Access-Control-Allow-Headers: X-Authorization, Authorization, Last-Event-ID, Cache-Control", "Access-Control-Max-Age: 86400"}, "Content-Length"},
		{"a preflight that asks", listed, "OPTIONS", "https://example.org\r\nAccess-Control-Request-Headers: baggage,traceparent", "204",
			[]string{"Vary: Origin, Access-Control-Request-Headers", "Access-Control-Allow-Headers: X-Authorization, Authorization, Last-Event-ID, Cache-Control, baggage, traceparent"}, "*"},
		{"a preflight of any page", open, "OPTIONS", "https://example.org\r\nAccess-Control-Request-Headers: baggage", "204",
			[]string{"Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: *, X-Authorization, Authorization, Last-Event-ID, Cache-Control"}, "Vary"},
		{"a subdomain", listed, "GET", "https://a.b.example.net", "200",
			[]string{"Access-Control-Allow-Origin: https://a.b.example.net", "Access-Control-Allow-Credentials: true", "Vary: Origin"}, "Origin: *"},
		{"what it is a subdomain of", listed, "GET", "https://example.net", "403", []string{"Vary: Origin"}, "Access-Control"},
		{"one that ends like it", listed, "GET", "https://a.example.net.evil.example", "403", []string{"Vary: Origin"}, "Access-Control"},
		{"an app", listed, "GET", "capacitor://localhost", "200", []string{"Access-Control-Allow-Origin: capacitor://localhost"}, "Origin: *"},
		{"two origins", listed, "GET", "https://example.org\r\nOrigin: https://example.org", "403", []string{"Vary: Origin"}, "Access-Control"},
		{"a preflight of another", listed, "OPTIONS", "https://evil.example", "403", nil, "Access-Control"},
		{"a mistake can be read by the page", listed, "POST", "https://example.org", "405", []string{"Access-Control-Allow-Origin: https://example.org"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := tt.method + " /subscribe/a HTTP/1.1\r\nHost: x\r\n"
			if tt.origin != "" {
				request += "Origin: " + tt.origin + "\r\n"
			}
			head := ask(t, tt.server, request+"\r\n")
			if !strings.HasPrefix(head, "HTTP/1.1 "+tt.status+" ") {
				t.Errorf("got %q", head)
			}
			for _, field := range tt.fields {
				if !strings.Contains(head, "\r\n"+field+"\r\n") {
					t.Errorf("the head lacks %q:\n%s", field, head)
				}
			}
			if tt.never != "" && strings.Contains(head, tt.never) {
				t.Errorf("the head contains %q:\n%s", tt.never, head)
			}
		})
	}
	for _, bad := range [][]string{{"*", "https://a.example"}, {"example.org"}, {"https://example.org/"}, {"https://"}, {""}} {
		if _, err := ssed.New(ssed.Options{CORSOrigins: bad}); err == nil {
			t.Errorf("the origins %q were accepted", bad)
		}
	}
}
