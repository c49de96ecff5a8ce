package admin_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/admin"
	"github.com/ssed/ssed/auth"
)

func TestAccess(t *testing.T) {
	open := serve(t)
	guarded := serve(t, "admin-token admin", "part-token admin /pets", "other-token publish")
	for _, tt := range []struct {
		name   string
		h      *env
		path   string
		fields []string
		status int
		says   string
	}{
		{"this machine", open, "/admin/status.json", nil, 200, `"status": "OK"`},
		{"by another name of it", open, "/admin/status.json", []string{"Host: localhost:8001"}, 200, ""},
		{"and of IPv6", open, "/admin/status.json", []string{"Host: [::1]:8001"}, 200, ""},
		{"by a name that points here", open, "/admin/status.json", []string{"Host: evil.example"}, 403, "give a token the admin right"},
		{"by way of a proxy", open, "/admin/", []string{"X-Forwarded-For: 127.0.0.1"}, 403, "proxy"},
		{"by way of another", open, "/metrics", []string{"Forwarded: for=127.0.0.1"}, 403, "proxy"},
		{"and a third", open, "/debug/pprof/", []string{"Via: 1.1 x"}, 403, "proxy"},
		{"health by way of a proxy", open, "/admin/healthz", []string{"X-Forwarded-For: 8.8.8.8", "Host: x.example"}, 200, "serving"},
		{"without a token", guarded, "/admin/status.json", nil, 401, "admin right"},
		{"metrics without", guarded, "/metrics", nil, 401, ""},
		{"profiles without", guarded, "/debug/pprof/heap", nil, 401, ""},
		{"with one", guarded, "/admin/status.json", []string{"X-Authorization: admin-token", "Host: any.example", "X-Forwarded-For: 1.2.3.4"}, 200, ""},
		{"as Bearer", guarded, "/metrics", []string{"Authorization: bearer admin-token"}, 200, "ssed_subscribers 0"},
		{"profiles with one", guarded, "/debug/pprof/", []string{"X-Authorization: admin-token"}, 200, "heap"},
		{"an unknown one", guarded, "/admin/status.json", []string{"X-Authorization: admin-tokem"}, 401, "unknown token"},
		{"one without the right", guarded, "/admin/status.json", []string{"X-Authorization: other-token"}, 401, "without the admin right"},
		{"one for a part", guarded, "/admin/status.json", []string{"X-Authorization: part-token"}, 403, "some namespaces"},
		{"a made-up session", guarded, "/admin/status.json", []string{"Cookie: ssed_admin=AAAA"}, 401, ""},
		{"a browser is asked to sign in", guarded, "/admin/", []string{"Accept: text/html"}, 200, `action="/admin/login"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer, header := tt.h.ask(t, "GET", tt.path, "", tt.fields...)
			if status != tt.status || !strings.Contains(answer, tt.says) {
				t.Errorf("got %d %.300q, want %d with %q", status, answer, tt.status, tt.says)
			}
			if header.Get("Content-Security-Policy") == "" || header.Get("Cache-Control") != "no-store" {
				t.Errorf("the head is %v", header)
			}
		})
	}
}

// TestMetricsAccess verifies that a token with the metrics right gives access to /metrics only, and
// that it does not take the access from clients that may see the pages.
func TestMetricsAccess(t *testing.T) {
	both := serve(t, "admin-token admin", "scraper-token metrics", "part-token metrics /pets", "reader-token subscribe")
	alone := serve(t, "scraper-token metrics")
	all := serve(t, "any-right-token", "scraper-token metrics")
	proxied := "X-Forwarded-For: 1.2.3.4"
	const figures = "ssed_subscribers 0"
	for _, tt := range []struct {
		name         string
		h            *env
		method, path string
		fields       []string
		status       int
		says         string
	}{
		{"the scraper", both, "GET", "/metrics", []string{"Authorization: Bearer scraper-token"}, 200, figures},
		{"through a proxy", both, "GET", "/metrics", []string{"X-Authorization: scraper-token", proxied, "Host: x.example"}, 200, figures},
		{"the operator", both, "GET", "/metrics", []string{"X-Authorization: admin-token"}, 200, figures},
		{"a token with every right", all, "GET", "/metrics", []string{"X-Authorization: any-right-token"}, 200, figures},
		{"no token", both, "GET", "/metrics", nil, 401, "metrics or the admin right"},
		{"an unknown token", both, "GET", "/metrics", []string{"X-Authorization: scraper-tokem"}, 401, "without the metrics right"},
		{"a token without the right", both, "GET", "/metrics", []string{"X-Authorization: reader-token"}, 401, "without the metrics right"},
		{"a token for some namespaces", both, "GET", "/metrics", []string{"X-Authorization: part-token"}, 403, "some namespaces"},
		{"to change something", both, "POST", "/metrics", []string{"X-Authorization: scraper-token"}, 405, ""},
		{"the status page", both, "GET", "/admin/", []string{"X-Authorization: scraper-token"}, 401, "without the admin right"},
		{"the status", both, "GET", "/admin/status.json", []string{"X-Authorization: scraper-token"}, 401, "without the admin right"},
		{"an action", both, "POST", "/admin/disconnect", []string{"X-Authorization: scraper-token"}, 401, "without the admin right"},
		{"profiles", both, "GET", "/debug/pprof/", []string{"X-Authorization: scraper-token"}, 401, "without the admin right"},
		{"something below", both, "GET", "/metrics/x", []string{"X-Authorization: scraper-token"}, 401, "without the admin right"},
		{"this machine, where no token is an admin's", alone, "GET", "/metrics", nil, 200, figures},
		{"and its status", alone, "GET", "/admin/status.json", nil, 200, ""},
		{"others, there", alone, "GET", "/metrics", []string{proxied}, 401, "metrics or the admin right"},
		{"others with the token, there", alone, "GET", "/metrics", []string{proxied, "X-Authorization: scraper-token"}, 200, figures},
		{"others with the token for the status, there", alone, "GET", "/admin/status.json", []string{proxied, "X-Authorization: scraper-token"}, 403, "only for clients on this machine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer, header := tt.h.ask(t, tt.method, tt.path, "", tt.fields...)
			if status != tt.status || !strings.Contains(answer, tt.says) {
				t.Errorf("got %d %.300q, want %d with %q", status, answer, tt.status, tt.says)
			}
			if asks := header.Get("WWW-Authenticate"); (asks == "Bearer") != (status == 401) {
				t.Errorf("WWW-Authenticate is %q", asks)
			}
		})
	}
	if status, answer, _ := both.ask(t, "POST", "/admin/login", "token=scraper-token"); status != 401 {
		t.Errorf("a scraper signs in: %d %.100q", status, answer)
	}
}

// TestLocalBehindProxyHeader verifies that a client behind a PROXY header counts as local only if
// both the connection and the address in the header are local.
func TestLocalBehindProxyHeader(t *testing.T) {
	h := serveWith(t, ssed.Options{ProxyProtocol: true})
	for lead, want := range map[string]string{
		"PROXY TCP4 127.0.0.1 127.0.0.1 1 1\r\n": "200", // the peer is local here, too
		"PROXY TCP4 9.9.9.9 127.0.0.1 1 1\r\n":   "403",
		"PROXY UNKNOWN\r\n":                      "403",
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(c, "%sGET /admin/status.json HTTP/1.1\r\nHost: localhost\r\n\r\n", lead)
		if answer, err := bufio.NewReader(c).ReadString('\n'); !strings.Contains(answer, want) {
			t.Errorf("%q: %q, %v, want %s", lead, answer, err, want)
		}
	}
}

// TestTokensByDefault verifies that pages without their own tokens use those of the daemon.
func TestTokensByDefault(t *testing.T) {
	table, err := auth.ParseTable([]string{"operators-token admin"})
	if err != nil {
		t.Fatal(err)
	}
	h := serveOptions(t, ssed.Options{Tokens: table}, func(o *admin.Options) { o.Tokens = nil })
	if status, said, _ := h.ask(t, "GET", "/admin/status.json", ""); status != 401 {
		t.Errorf("without a token: %d %q", status, said)
	}
	if status, said, _ := h.ask(t, "GET", "/admin/status.json", "", "Authorization: Bearer operators-token"); status != 200 {
		t.Errorf("with an admin token: %d %q", status, said)
	}
}
