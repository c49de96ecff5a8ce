package subreq

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/ssed/ssed/httpparse"
)

// originsOf parses the rules.
func originsOf(t testing.TB, rules ...string) *Origins {
	t.Helper()
	o, err := ParseOrigins(rules)
	if err != nil {
		t.Fatal(err)
	}
	return &o
}

// TestOriginsMatch verifies which origins a rule matches, and that it matches no others.
func TestOriginsMatch(t *testing.T) {
	for _, tt := range []struct {
		rule       string
		yes, never string // separated by spaces
	}{
		{"https://example.org", "https://example.org",
			"http://example.org https://a.example.org https://example.org:8443 https://example.org.evil.example https://EXAMPLE.org null"},
		{"HTTPS://Example.ORG:8443", "https://example.org:8443", "https://example.org"},
		{"http://localhost:3000", "http://localhost:3000", "http://localhost"},
		{"http://[::1]:8080", "http://[::1]:8080", "http://[::1] http://[::2]:8080"},
		{"http://127.0.0.1:3000", "http://127.0.0.1:3000", "http://127.0.0.1"},
		{"chrome-extension://mdplmiioglkpgkgblfdilgebpppgdlmb", "chrome-extension://mdplmiioglkpgkgblfdilgebpppgdlmb", "chrome-extension://other moz-extension://mdplmiioglkpgkgblfdilgebpppgdlmb"},
		{"moz-extension://5bdd8fc9-02bc-4bf3-8b9e-7ec6d1e8f2ff", "moz-extension://5bdd8fc9-02bc-4bf3-8b9e-7ec6d1e8f2ff", "null"},
		{"Safari-Web-Extension://0A8B-1F", "safari-web-extension://0A8B-1F", "safari-web-extension://0a8b-1f"}, // opaque hosts keep their case
		{"http://[::ffff:7f00:1]", "http://[::ffff:7f00:1]", "http://127.0.0.1"},
		{"capacitor://localhost", "capacitor://localhost", "ionic://localhost http://localhost capacitor://localhost:80"},
		{"ionic://localhost", "ionic://localhost", "ionic://other"},
		{"tauri://localhost", "tauri://localhost", "https://tauri.localhost"},
		{"app://obsidian.md", "app://obsidian.md", ""},
		{"capacitor://localhost:443", "capacitor://localhost:443", "capacitor://localhost"}, // this scheme has no default port
		{"https://xn--kse-qla.example", "https://xn--kse-qla.example", ""},
		{"https://my_app.example.org", "https://my_app.example.org", ""},
		{"https://example.org.", "https://example.org.", "https://example.org"},

		{"https://*.example.org", "https://a.example.org https://a.b.example.org https://a-b_c.0.example.org",
			"https://example.org https://.example.org https://x.example.org.evil.net https://xexample.org http://a.example.org https://a.example.org:8443 " +
				"https://a..example.org https://..example.org https://*.example.org https://A.example.org https://evil.net/.example.org https://evil.net?.example.org " +
				"https://evil.net#.example.org https://evil.net:80.example.org https://u@a.example.org https://evil.net\\.example.org https://evil.net,a.example.org " +
				"https://a.example.org/ https://[::1].example.org https://é.example.org null http://https://a.example.org https:///a.example.org a.example.org"},
		{"https://*.example.org:8443", "https://a.example.org:8443", "https://a.example.org https://a.example.org:443 https://example.org:8443"},
		{"http://*.localhost:3000", "http://shop.localhost:3000", "http://localhost:3000"},
		{"https://*.EXAMPLE.org", "https://a.example.org", ""},
		{"https://*.example.org.", "https://a.example.org.", "https://a.example.org"},
		{"app://*.example.org", "app://a.example.org", "https://a.example.org"},
		{"https://*.co.uk", "https://a.co.uk", ""}, // ParseOrigins does not know this public suffix
	} {
		o := originsOf(t, tt.rule)
		for _, origin := range strings.Fields(tt.yes) {
			a := o.answer([]byte(origin))
			want := "Access-Control-Allow-Origin: " + origin + "\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n"
			if got := string(a.AppendFields(nil)); !a.MayRead || got != want {
				t.Errorf("%s, %s: %v, %q", tt.rule, origin, a.MayRead, got)
			}
		}
		long := "https://" + strings.Repeat("a.", 10<<10) + "example.org"
		for _, origin := range append(strings.Fields(tt.never), long, "") {
			a := o.answer([]byte(origin))
			if got := string(a.AppendFields(nil)); a.MayRead || got != "Vary: Origin\r\n" {
				t.Errorf("%s, %.100s: %v, %q", tt.rule, origin, a.MayRead, got)
			}
		}
	}
}

// TestOriginsOfRequests checks the Answer to requests with no, one and several origins.
func TestOriginsOfRequests(t *testing.T) {
	open, listed := originsOf(t, "*"), originsOf(t, "https://a.example", "https://*.a.example")
	for _, tt := range []struct {
		name    string
		origins *Origins
		fields  []string
		mayRead bool
		want    string
	}{
		{"any", open, []string{"Origin: https://b.example"}, true, "Access-Control-Allow-Origin: *\r\n"},
		{"no Origin", open, nil, true, "Access-Control-Allow-Origin: *\r\n"},
		{"several, any", open, []string{"Origin: a", "Origin: b"}, true, "Access-Control-Allow-Origin: *\r\n"},
		{"no page", listed, nil, true, "Vary: Origin\r\n"},
		{"several", listed, []string{"Origin: https://a.example", "Origin: https://b.example"}, false, "Vary: Origin\r\n"},
		{"several that agree", listed, []string{"Origin: https://b.a.example", "Origin: https://b.a.example"}, false, "Vary: Origin\r\n"},
		{"two in one", listed, []string{"Origin: https://b.a.example https://b.a.example"}, false, "Vary: Origin\r\n"},
		{"empty", listed, []string{"Origin:"}, false, "Vary: Origin\r\n"},
	} {
		a := tt.origins.Answer(get(t, "/subscribe/a", tt.fields...))
		if got := string(a.AppendFields(nil)); a.MayRead != tt.mayRead || got != tt.want || !a.Body {
			t.Errorf("%s: %+v, %q", tt.name, a, got)
		}
	}
	if a := listed.Unread([]byte("\r\nHEAD /subscribe/a\nOrigin: https://a.example\n")); a.Body || string(a.AppendFields(nil)) != "Vary: Origin\r\n" {
		t.Errorf("an unread HEAD: %+v", a)
	}
}

// TestOriginsRefused verifies that an origin that could never match is refused, and that the error
// explains the reason.
func TestOriginsRefused(t *testing.T) {
	for _, tt := range []struct{ rule, reason string }{
		{"", "expected scheme://host"},
		{"example.org", "expected scheme://host"},
		{"null", "cannot be allowed"},
		{"://example.org", "not a scheme"},
		{"1http://example.org", "not a scheme"},
		{"ht_tp://example.org", "not a scheme"},
		{"*://example.org", "cannot replace the scheme"},
		{"http*://example.org", "cannot replace the scheme"},
		{strings.Repeat("h", 201) + "://*.example.org", "the scheme has 201 characters"},
		{"https://" + strings.Repeat("a.", 126) + "aa", "the host has 254 characters"},
		{"https://*." + strings.Repeat("a.", 126) + "aa", "the host has 254 characters"},
		{"file://", "no page has the scheme file"},
		{"data://x", "no page has the scheme data"},
		{"wss://example.org", "use https"},
		{"https://", "host or one of its labels is empty"},
		{"https://example.org/", "no trailing slash"},
		{"https://example.org/path", "no path"},
		{"https://example.org?x", "no query"},
		{"https://u:p@example.org", "no user information"},
		{"https://example.org:443", "write https://example.org"},
		{"http://example.org:80", "write http://example.org"},
		{"https://*.example.org:443", "write https://*.example.org"},
		{"https://example.org:", "not a port"},
		{"https://example.org:0443", "not a port"},
		{"https://example.org:99999", "not a port"},
		{"https://example.org:*", "not a port"},
		{"https://käse.example", "Punycode"},
		{"https://*.käse.example", "Punycode"},
		{"https://exa mple.org", "cannot contain ' '"},
		{"https://a,b.example", "cannot contain ','"},
		{"https://example..org", "labels"},
		{"https://.example.org", "labels"},
		{"https://127.1", "IPv4"},
		{"https://1.2.3.0x4", "IPv4"},
		{"http://[::1", "IPv6"},
		{"http://[0:0:0:0:0:0:0:1]", "[::1]"},
		{"http://[::ffff:127.0.0.1]", "[::ffff:7f00:1]"},
		{"http://[[::1]]", "IPv6"},
		{"http://[::ffff:1.2.3.4]", "[::ffff:102:304]"},
		{"http://[0:0:0:0:0:ffff:102:304]", "[::ffff:102:304]"},
		{"http://[[::ffff:102:304]]", "IPv6"},
		{"http://::1", "cannot contain ':'"},
		{"https://*", `"*" alone`},
		{"https://*:8443", `"*" alone`},
		{"https://a.*.example.org", "whole first label"},
		{"https://*.*.example.org", "whole first label"},
		{"https://*example.org", "whole first label"},
		{"https://a*.example.org", "whole first label"},
		{"https://**.example.org", "whole first label"},
		{"https://example.*", "whole first label"},
		{"https://*.", "labels"},
		{"https://*.com", "every site below .com"},
		{"https://*.com.", "every site below .com"},
		{"https://*.127.0.0.1", "no subdomains"},
		{"https://*.[::1]", "no subdomains"},
	} {
		_, err := ParseOrigins([]string{"https://good.example", tt.rule})
		if err == nil || !strings.Contains(err.Error(), tt.reason) || !strings.Contains(err.Error(), fmt.Sprintf("%q", tt.rule)) {
			t.Errorf("%s: %v, want %q", tt.rule, err, tt.reason)
		}
	}
	if _, err := ParseOrigins([]string{"*", "https://a.example"}); err == nil || !strings.Contains(err.Error(), "cannot be combined") {
		t.Errorf("* with other origins: %v, want an error", err)
	}
}

// TestPreflight checks the allowed request fields of a preflight's answer.
func TestPreflight(t *testing.T) {
	open, listed := originsOf(t), originsOf(t, "https://*.a.example")
	const always = "X-Authorization, Authorization, Last-Event-ID, Cache-Control"
	for _, tt := range []struct {
		name    string
		origins *Origins
		origin  string
		asked   string
		want    string // the allowed names
	}{
		{"any", open, "https://b.example", "baggage,traceparent", "*, " + always},
		{"any, without a page", open, "", "", "*, " + always},
		{"no names", listed, "https://b.a.example", "", always},
		{"names", listed, "https://b.a.example", "baggage,traceparent,x-requested-with", always + ", baggage, traceparent, x-requested-with"},
		{"white space and empty elements", listed, "https://b.a.example", "a, ,b,,\tc", always + ", a, b, c"},
		{"names that are always there", listed, "https://b.a.example", "authorization,CACHE-CONTROL,a", always + ", a"},
		{"a name that is not a token", listed, "https://b.a.example", "a,b c", always},
		{"another that is not a token", listed, "https://b.a.example", "a,b:c", always},
		{"beyond ASCII", listed, "https://b.a.example", "ä", always},
		{"as many as may be", listed, "https://b.a.example", "a" + strings.Repeat(",a", askedNamesMax-1), always + strings.Repeat(", a", askedNamesMax)},
		{"one too many", listed, "https://b.a.example", "a" + strings.Repeat(",a", askedNamesMax), always},
		{"as long as may be", listed, "https://b.a.example", strings.Repeat("a", askedBytesMax), always + ", " + strings.Repeat("a", askedBytesMax)},
		{"too long", listed, "https://b.a.example", strings.Repeat("a", askedBytesMax+1), always},
		{"another page", listed, "https://evil.example", "baggage", always},
		{"no page", listed, "", "baggage", always},
	} {
		fields := []string{"Access-Control-Request-Method: GET"}
		if tt.origin != "" {
			fields = append(fields, "Origin: "+tt.origin)
		}
		if tt.asked != "" {
			fields = append(fields, "Access-Control-Request-Headers: "+tt.asked)
		}
		req := parsed(t, append([]string{"OPTIONS /subscribe/a HTTP/1.1"}, fields...)...)
		a := tt.origins.Answer(req)
		want := a.fields
		if tt.origins == listed {
			want += "Vary: Origin, Access-Control-Request-Headers\r\n"
		}
		want += "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\nAccess-Control-Allow-Headers: " + tt.want + "\r\nAccess-Control-Max-Age: 86400\r\n"
		if got := string(a.AppendPreflight([]byte("X"), req)); got != "X"+want {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
	}
}

// FuzzOrigins verifies that a matching origin has the scheme, the port and the end of the rule's
// host, as parsed by net/url, and that it is sent back as one field line.
func FuzzOrigins(f *testing.F) {
	for _, seed := range [][2]string{
		{"https://*.example.org", "https://a.example.org"}, {"https://*.example.org:8443", "https://evil.net/.example.org:8443"},
		{"tauri://localhost", "tauri://localhost"}, {"http://[::1]:80", "http://[::1]"}, {"https://*.com", "https://a.com"}, {"*", "null"},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, text string, origin []byte) {
		r, err := parseRule(text)
		if err != nil {
			return
		}
		o, err := ParseOrigins([]string{text})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		own := r.scheme + "://" + r.host + r.port
		if r.wild {
			own = r.scheme + "://sub" + r.host + r.port
		}
		if !o.answer([]byte(own)).MayRead {
			t.Fatalf("%q does not match its own origin %q", text, own)
		}
		a := o.Answer(&httpparse.Request{Fields: []httpparse.Field{{Name: []byte("Origin"), Value: origin}}})
		if !a.MayRead {
			return
		}
		u, err := url.Parse(string(origin))
		if err != nil || u.Scheme != r.scheme || u.User != nil || u.Path != "" || u.Host != string(origin[len(r.scheme)+3:]) || !strings.HasSuffix(u.Host, r.host+r.port) {
			t.Fatalf("%q matches %q: %+v, %v", text, origin, u, err)
		}
		if fields := string(a.AppendFields(nil)); strings.Count(fields, "\r\n") != 3 || strings.Count(fields, "\n") != 3 {
			t.Fatalf("%q: %q", origin, fields)
		}
	})
}
