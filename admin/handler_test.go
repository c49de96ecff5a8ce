package admin_test

import (
	"io"
	"strings"
	"testing"
)

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
		{"GET", "/admin/status.json?namespace=pets", "", 400, `"error": "namespace \"pets\" must start with \"/\""`},
		{"GET", "/admin/status.json?color=red", "", 400, "color"},
		{"GET", "/admin/status.json?a;b", "", 400, "query"},
		{"GET", "/admin/nowhere", "", 404, "not found; the admin pages are at /admin/"},
		{"GET", "/admin/uplot/nowhere", "", 404, "not found; the admin pages are at /admin/"},
		{"POST", "/admin/disconnect", "id=x", 400, "id"},
		{"POST", "/admin/disconnect", "id=12345", 404, "no such connection"},
		{"POST", "/admin/publish", "namespace=pets&data=x", 400, `namespace \"pets\" must start with \"/\"`},
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
	// The server closes the connection if a query or a body is too long, and the client may notice
	// this before it reads the answer. A long query is refused by the loop on a new connection, and
	// by net/http on a reused one.
	res, err := h.client.Get(h.base + "/admin/status.json?namespace=/" + strings.Repeat("x", 30_000))
	if err == nil && res.StatusCode != 414 && res.StatusCode != 431 {
		t.Errorf("a query of 30,000 bytes: %s", res.Status)
	}
	res, err = h.client.Post(h.base+"/admin/publish", "application/x-www-form-urlencoded", io.MultiReader(strings.NewReader("data="), endless{}))
	if err == nil && res.StatusCode != 400 {
		t.Errorf("an endless body: %s", res.Status)
	}
	if s := h.status(t, ""); s.MsgsBroadcast != 0 {
		t.Errorf("%d messages were published", s.MsgsBroadcast)
	}
}

// endless is an endless body of the letter x.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}
