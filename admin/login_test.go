package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ssed/ssed/auth"
)

func TestLogin(t *testing.T) {
	h := serve(t, "admin-token admin")
	status, answer, _ := h.ask(t, "POST", "/admin/login", "token=wrong-token%3Cb%3E")
	if status != 401 || !strings.Contains(answer, "unknown token") || strings.Contains(answer, "wrong-token") {
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
			t.Errorf("a page of another site may publish: %d %s", status, answer)
		}
	}
	// The session is valid only as long as its token.
	other, _ := auth.ParseTable([]string{"another-token admin"})
	h.loop.SetTokens(other)
	if status, _, _ := h.ask(t, "GET", "/admin/status.json", ""); status != 401 {
		t.Errorf("the session is valid after its token was removed: %d", status)
	}
	same, _ := auth.ParseTable([]string{"admin-token admin"})
	h.loop.SetTokens(same)
	if status, _, _ := h.ask(t, "POST", "/admin/logout", ""); status != 303 {
		t.Error(status)
	}
	if status, _, _ := h.ask(t, "GET", "/admin/status.json", "", "Cookie: "+cookie[:strings.Index(cookie, ";")]); status != 401 {
		t.Errorf("the session is valid after signing out: %d", status)
	}
}
