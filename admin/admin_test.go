package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/ssed/ssed/admin"
	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/loop"
)

const patience = 20 * time.Second

// A house is a real loop with real admin pages on the same port.
type house struct {
	base   string // "http://127.0.0.1:40123"
	loop   *loop.Server
	client *http.Client
}

func serve(t *testing.T, tokens ...string) *house {
	t.Helper()
	table, err := auth.ParseTable(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return serveWith(t, loop.Options{Tokens: table})
}

func serveWith(t *testing.T, opts loop.Options) *house {
	t.Helper()
	var pages *admin.Server
	log := slog.New(slog.DiscardHandler)
	opts.Listen, opts.Logger, opts.Drain = []string{"127.0.0.1:0"}, log, -1
	opts.Handover = &loop.Handover{
		Paths:    (&admin.Options{Debug: true}).Paths(),
		ConnsMax: admin.ConnsMax,
		Take:     func(c *loop.HandedConn) { pages.Take(c) },
	}
	l, err := loop.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	pages = admin.New(admin.Options{Loop: l, Tokens: l.Tokens, Version: "v0-test", Debug: true, Logger: log})
	served := make(chan error, 1)
	go func() { served <- l.Serve() }()
	select {
	case <-l.Ready():
	case err := <-served:
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	h := &house{"http://" + l.ListenAddrs()[0].String(), l, &http.Client{Jar: jar, Timeout: patience, Transport: &http.Transport{}}}
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		pages.Shutdown()
		l.Shutdown(context.Background())
		<-served
	})
	return h
}

// ask makes a request with fields ("Name: value") and returns the answer.
func (h *house) ask(t *testing.T, method, path, body string, fields ...string) (status int, answer string, header http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, h.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatalf("%s %.60s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %.60s: %v", method, path, err)
	}
	return res.StatusCode, string(text), res.Header
}

// subscribe opens a stream and has read its head.
func (h *house) subscribe(t *testing.T, target, agent string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nUser-Agent: %s\r\n\r\n", target, agent)
	r := bufio.NewReader(c)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	return c, r
}

func TestAccess(t *testing.T) {
	open := serve(t)
	guarded := serve(t, "admin-token admin", "part-token admin /pets", "other-token publish")
	for _, tt := range []struct {
		name   string
		h      *house
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
		{"an unknown one", guarded, "/admin/status.json", []string{"X-Authorization: admin-tokem"}, 401, "not known"},
		{"one without the right", guarded, "/admin/status.json", []string{"X-Authorization: other-token"}, 401, "not the admin right"},
		{"one for a part", guarded, "/admin/status.json", []string{"X-Authorization: part-token"}, 403, "part"},
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

func TestLogin(t *testing.T) {
	h := serve(t, "admin-token admin")
	status, answer, _ := h.ask(t, "POST", "/admin/login", "token=wrong-token%3Cb%3E")
	if status != 401 || !strings.Contains(answer, "not known") || strings.Contains(answer, "wrong-token") {
		t.Errorf("a wrong token: %d %s", status, answer)
	}
	h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	status, _, header := h.ask(t, "POST", "/admin/login", "token=admin-token")
	cookie := header.Get("Set-Cookie")
	if status != 303 || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") || strings.Contains(cookie, "admin-token") {
		t.Fatalf("%d, the cookie is %q", status, cookie)
	}
	if status, answer, _ := h.ask(t, "GET", "/admin/status.json", ""); status != 200 || !strings.Contains(answer, `"signed_in": true`) {
		t.Errorf("signed in: %d %s", status, answer)
	}
	for _, field := range []string{"Origin: http://evil.example", "Sec-Fetch-Site: cross-site"} {
		if status, answer, _ := h.ask(t, "POST", "/admin/publish", "namespace=/x&data=y", field); status != 403 {
			t.Errorf("a page of others may publish: %d %s", status, answer)
		}
	}
	// The session is good only while its token is.
	other, _ := auth.ParseTable([]string{"another-token admin"})
	h.loop.SetTokens(other)
	if status, _, _ := h.ask(t, "GET", "/admin/status.json", ""); status != 401 {
		t.Errorf("the token is gone, and the session is not: %d", status)
	}
	same, _ := auth.ParseTable([]string{"admin-token admin"})
	h.loop.SetTokens(same)
	if status, _, _ := h.ask(t, "POST", "/admin/logout", ""); status != 303 {
		t.Error(status)
	}
	if status, _, _ := h.ask(t, "GET", "/admin/status.json", "", "Cookie: "+cookie[:strings.Index(cookie, ";")]); status != 401 {
		t.Errorf("signed out, and still in: %d", status)
	}
}

// status is the answer of status.json as a collector of the ancestor's reads it.
type status struct {
	MsgsBroadcast int `json:"msgs_broadcast"`
	Connections   []struct {
		RequestPath string `json:"request_path"`
		Namespace   string `json:"namespace"`
		ClientIP    string `json:"client_ip"`
		UserAgent   string `json:"user_agent"`
		MsgsSent    int    `json:"msgs_sent"`
		CreatedAt   int64  `json:"created_at"`
		ID          int64  `json:"id"`
	} `json:"connections"`
	NextAfter   int64          `json:"next_after"`
	Subscribers int            `json:"subscribers"`
	Disconnects map[string]int `json:"disconnects"`
}

func (h *house) status(t *testing.T, query string) (s status) {
	t.Helper()
	code, answer, _ := h.ask(t, "GET", "/admin/status.json"+query, "")
	if err := json.Unmarshal([]byte(answer), &s); err != nil || code != 200 {
		t.Fatalf("%d %v: %s", code, err, answer)
	}
	return s
}

func TestStatus(t *testing.T) {
	h := serve(t)
	_, first := h.subscribe(t, "/subscribe/pets", "one")
	h.subscribe(t, "/subscribe/pets/dogs", "two")
	h.subscribe(t, "/subscribe?ns=/time&ns=/pets/%3F", "three")
	h.subscribe(t, "/subscribe/petsmart", "four")
	h.ask(t, "POST", "/admin/publish", url.Values{"namespace": {"/pets/cats"}, "event": {"new"}, "data": {"Tom\nJerry"}}.Encode())
	frame := "event:new\ndata:Tom\ndata:Jerry\n\n"
	got := make([]byte, len(frame))
	if _, err := io.ReadFull(first, got); err != nil || string(got) != frame {
		t.Fatalf("%q %v", got, err)
	}
	all := h.status(t, "")
	agents := ""
	for _, c := range all.Connections {
		agents += c.UserAgent + " "
	}
	if agents != "one two three four " || all.MsgsBroadcast != 1 || all.Subscribers != 4 || all.NextAfter != 0 {
		t.Errorf("%q, %+v", agents, all)
	}
	if c := all.Connections[0]; c.RequestPath != "/subscribe/pets" || c.Namespace != "/pets" || c.ClientIP != "127.0.0.1" || c.MsgsSent != 1 ||
		time.Since(time.Unix(c.CreatedAt, 0)).Abs() > time.Minute {
		t.Errorf("%+v", c)
	}
	if c := all.Connections[2]; c.RequestPath != "/subscribe?ns=%2Fpets%2F%3F&ns=%2Ftime" || c.Namespace != "/pets/? /time" {
		t.Errorf("%+v", c)
	}
	for query, want := range map[string]string{
		"?limit=2":                 "one two ",
		"?limit=0":                 "",
		"?namespace=/pets":         "one two three ",
		"?namespace=/pets/dogs":    "two ",
		"?namespace=/":             "one two three four ",
		"?sort=backlog&limit=1":    "one ",
		"?limit=10&namespace=/x/y": "",
		fmt.Sprintf("?limit=2&after=%d", h.status(t, "?limit=1").NextAfter): "two three ",
	} {
		agents := ""
		for _, c := range h.status(t, query).Connections {
			agents += c.UserAgent + " "
		}
		if agents != want {
			t.Errorf("%s: %q, want %q", query, agents, want)
		}
	}
}

func TestBadRequests(t *testing.T) {
	h := serve(t)
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/admin/status.json?limit=-1", "", 400, "limit"},
		{"GET", "/admin/status.json?limit=many", "", 400, "limit"},
		{"GET", "/admin/status.json?after=x", "", 400, "next_after"},
		{"GET", "/admin/status.json?sort=name", "", 400, "backlog"},
		{"GET", "/admin/status.json?namespace=pets//x", "", 400, "namespace"},
		{"GET", "/admin/status.json?colour=red", "", 400, "colour"},
		{"GET", "/admin/status.json?a;b", "", 400, "query"},
		{"GET", "/admin/nowhere", "", 404, ""},
		{"POST", "/admin/disconnect", "id=x", 400, "id"},
		{"POST", "/admin/disconnect", "id=12345", 404, "no such connection"},
		{"POST", "/admin/publish", "namespace=pets&data=x", 400, "namespace"},
		{"POST", "/admin/publish", "namespace=/pets&event=a%0Ab", 400, "event"},
		{"POST", "/admin/publish", "namespace=/pets&data=%ff", 400, "UTF-8"},
		{"POST", "/admin/publish", "namespace=/pets&data=" + strings.Repeat("x", 2<<20), 400, "long"},
		{"DELETE", "/admin/status.json", "", 405, ""},
	} {
		status, answer, _ := h.ask(t, tt.method, tt.path, tt.body)
		if status != tt.status || !strings.Contains(answer, tt.says) {
			t.Errorf("%s %.60s: %d %.200q, want %d with %q", tt.method, tt.path, status, answer, tt.status, tt.says)
		}
	}
	// What is too long is cut off, and the client may find that before the answer: a
	// query, refused by the loop on a new connection and by net/http on an old one,
	// and a body.
	res, err := h.client.Get(h.base + "/admin/status.json?namespace=/" + strings.Repeat("x", 30_000))
	if err == nil && res.StatusCode != 414 && res.StatusCode != 431 {
		t.Errorf("a query of 30,000 bytes: %s", res.Status)
	}
	res, err = h.client.Post(h.base+"/admin/publish", "application/x-www-form-urlencoded", io.MultiReader(strings.NewReader("data="), endless{}))
	if err == nil && res.StatusCode != 400 {
		t.Errorf("a body without end: %s", res.Status)
	}
	if s := h.status(t, ""); s.MsgsBroadcast != 0 {
		t.Errorf("%d messages were published", s.MsgsBroadcast)
	}
}

// endless is a body of nothing but the letter x.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func TestDisconnectAndNamespaces(t *testing.T) {
	h := serve(t)
	_, r := h.subscribe(t, "/subscribe/a", "one")
	h.subscribe(t, "/subscribe/a", "two")
	h.subscribe(t, "/subscribe/b", "three")
	code, answer, _ := h.ask(t, "GET", "/admin/namespaces.json", "")
	var got struct {
		Namespaces []struct {
			Namespaces  []string
			Subscribers int
		}
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || code != 200 || len(got.Namespaces) != 2 ||
		got.Namespaces[0].Subscribers != 2 || got.Namespaces[1].Namespaces[0] != "/b" {
		t.Errorf("%d %v %s", code, err, answer)
	}
	id := h.status(t, "").Connections[0].ID
	if code, answer, _ := h.ask(t, "POST", "/admin/disconnect", fmt.Sprint("id=", id)); code != 204 {
		t.Fatal(code, answer)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
	if s := h.status(t, ""); s.Disconnects["kicked"] != 1 || s.Subscribers != 2 {
		t.Errorf("%+v", s)
	}
}

func TestLive(t *testing.T) {
	h := serve(t)
	res, err := h.client.Get(h.base + "/admin/live")
	if err != nil || res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatal(res, err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for _, want := range []string{"event:history", "event:sample", "event:sample"} {
		var event, data string
		for lines.Scan() && lines.Text() != "" {
			if event == "" {
				event = lines.Text()
			} else {
				data = strings.TrimPrefix(lines.Text(), "data:")
			}
		}
		if event != want || !json.Valid([]byte(data)) || want == "event:sample" && !strings.Contains(data, `"rss_bytes":`) {
			t.Fatalf("%q %q, want %q", event, data, want)
		}
	}
}

func TestMetricsAreClean(t *testing.T) {
	h := serve(t)
	h.subscribe(t, "/subscribe/secret-namespace", "x")
	code, answer, _ := h.ask(t, "GET", "/metrics", "")
	if code != 200 || strings.Contains(answer, "secret-namespace") {
		t.Errorf("%d %s", code, answer)
	}
	problems, err := promlint.New(strings.NewReader(answer)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "ssed_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	for _, name := range []string{"ssed_subscribers 1", `ssed_disconnects_total{reason="slow"} 0`, "ssed_fan_out_seconds_bucket", "ssed_pass_seconds_count", "go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(answer, name) {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestHealthWhileDraining(t *testing.T) {
	h := serve(t)
	_, r := h.subscribe(t, "/subscribe/a", "one")
	if code, answer, _ := h.ask(t, "GET", "/admin/healthz", ""); code != 200 || answer != "serving\n" {
		t.Error(code, answer)
	}
	go h.loop.Shutdown(context.Background())
	io.ReadAll(r)
	if res, err := h.client.Get(h.base + "/admin/healthz"); err == nil && res.StatusCode != 503 {
		t.Error(res.Status)
	}
}

// TestPublishTakesTheRight: an admin token alone does not publish where others need
// a token to.
func TestPublishTakesTheRight(t *testing.T) {
	h := serve(t, "admin-token admin", "publish-token publish", "both-tokens admin,publish /", "part-tokens publish /pets")
	for token, want := range map[string]int{"admin-token": 403, "both-tokens": 200, "publish-token": 401} {
		if status, answer, _ := h.ask(t, "POST", "/admin/publish", "namespace=/x&data=y", "X-Authorization: "+token); status != want {
			t.Errorf("%s: %d %s", token, status, answer)
		}
	}
	open := serve(t, "publish-token publish")
	if status, answer, _ := open.ask(t, "POST", "/admin/publish", "namespace=/x&data=y"); status != 403 {
		t.Errorf("from this machine, without the token: %d %s", status, answer)
	}
}

// TestToldToBeLocal: a PROXY line makes nobody a client of this machine whose
// connection is not, and a proxy of this machine nobody else.
func TestToldToBeLocal(t *testing.T) {
	h := serveWith(t, loop.Options{ProxyProtocol: true})
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
