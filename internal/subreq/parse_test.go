package subreq

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/httpparse"
)

// parsed returns the request with this head. The lines have no line ends.
func parsed(t testing.TB, lines ...string) *httpparse.Request {
	t.Helper()
	var p httpparse.Parser
	req := new(httpparse.Request)
	if _, err := p.Parse([]byte(strings.Join(lines, "\r\n")+"\r\nHost: x\r\n\r\n"), req); err != nil {
		t.Fatal(err)
	}
	return req
}

// parse parses a request that any page may send.
func parse(req *httpparse.Request) (Request, Refusal) {
	var any Origins
	return Parse(req, any.Answer(req))
}

func get(t testing.TB, target string, fields ...string) *httpparse.Request {
	t.Helper()
	return parsed(t, append([]string{"GET " + target + " HTTP/1.1"}, fields...)...)
}

// TestSet checks the namespaces of requests with a path, a query or both.
func TestSet(t *testing.T) {
	for _, tt := range []struct {
		name, target string
		want         string // the members, separated by spaces
	}{
		{"the path", "/subscribe/pets/dogs", "/pets/dogs"},
		{"everything", "/subscribe/", "/"},
		{"a slash at the end", "/subscribe/pets/", "/pets"},
		{"encoded in the path", "/subscribe/caf%C3%A9", "/café"},
		{"decoded once", "/subscribe/a%2525", "/a%25"},
		{"a plus in the path", "/subscribe/a+b", "/a+b"},
		{"the query", "/subscribe?ns=/pets", "/pets"},
		{"the query and the root's path", "/subscribe/?ns=/pets", "/pets"},
		{"the query and a path", "/subscribe/time?ns=/pets", "/pets /time"},
		{"several", "/subscribe?ns=/time&ns=/pets&ns=/time", "/pets /time"},
		{"below another one", "/subscribe?ns=/pets&ns=/pets/dogs", "/pets"},
		{"encoded in the query", "/subscribe?ns=%2Fpets", "/pets"},
		{"more than fit without a slice", "/subscribe?ns=/a&ns=/b&ns=/c&ns=/d&ns=/e&ns=/f&ns=/g&ns=/h&ns=/i", "/a /b /c /d /e /f /g /h /i"},
		{"parameters that mean nothing", "/subscribe/pets?_=123&t=5&debug&nsx=/a&xns=/a&topical=1&LAST=x&a[topic]=1&=x&[]=y&.=z", "/pets"},
		{"a list", "/subscribe/?ns[]=/pets&ns[]=/time", "/pets /time"},
		{"a list, with numbers", "/subscribe/?ns[0]=/pets&ns[17]=/time", "/pets /time"},
		{"a list, encoded", "/subscribe/?ns%5B%5D=/pets&ns%5b0%5d=%2Ftime", "/pets /time"},
		{"a list, half encoded", "/subscribe?ns[%5D=/pets&%6es=/time", "/pets /time"},
		{"a list and a path", "/subscribe/time?ns[]=/pets", "/pets /time"},
		{"lists and plain ones", "/subscribe/?ns=/a&ns[]=/b&ns[0]=/c", "/a /b /c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, refusal := parse(get(t, tt.target))
			if refusal != (Refusal{}) || strings.Join(r.Set.Members(), " ") != tt.want || !r.Body || r.Preflight {
				t.Errorf("%+v, %+v", r, refusal)
			}
		})
	}
}

// TestRefusals verifies that the first problem of a request determines the refusal.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name    string
		line    string
		mayRead bool
		status  int
		reason  string // a part of the reason
	}{
		{"nothing there", "GET / HTTP/1.1", true, 404, "subscribe at /subscribe/"},
		{"a longer word", "GET /subscribed HTTP/1.1", true, 404, "subscribe at /subscribe/"},
		{"nothing there, before the origin", "GET /x HTTP/1.1", false, 404, ""},
		{"the origin", "GET /subscribe/a HTTP/1.1", false, 403, "--cors-origin"},
		{"the origin, before the method", "POST /subscribe/a HTTP/1.1", false, 403, "--cors-origin"},
		{"the origin of a preflight", "OPTIONS /subscribe/a HTTP/1.1", false, 403, "--cors-origin"},
		{"a method that exists", "POST /subscribe/a HTTP/1.1", true, 405, "with GET"},
		{"TRACE", "TRACE /subscribe/a HTTP/1.1", true, 405, "with GET"},
		{"a method that does not", "BREW /subscribe/a HTTP/1.1", true, 501, "with GET"},
		{"the method, before the namespaces", "POST /subscribe HTTP/1.1", true, 405, ""},
		{"no namespace", "GET /subscribe HTTP/1.1", true, 400, "no namespace given: subscribe at /subscribe/<namespace>, at /subscribe/ for everything, or with ?ns="},
		{"an empty segment", "GET /subscribe//a HTTP/1.1", true, 400, `an empty segment ("//")`},
		{"a bad triplet in the path", "GET /subscribe/a%zz HTTP/1.1", true, 400, "hexadecimal"},
		{"NUL in the path", "GET /subscribe/a%00 HTTP/1.1", true, 400, "%00 is not allowed"},
		{"a bad triplet in the query", "GET /subscribe?ns=%z HTTP/1.1", true, 400, "hexadecimal"},
		{"an empty one in the query", "GET /subscribe/?ns= HTTP/1.1", true, 400, `start with "/"`},
		{"without a value", "GET /subscribe/?ns HTTP/1.1", true, 400, `start with "/"`},
		{"no slash", "GET /subscribe?ns=pets HTTP/1.1", true, 400, `start with "/"`},
		{"too many", "GET /subscribe?ns=/a" + strings.Repeat("&ns=/a", 64) + " HTTP/1.1", true, 400, "65 namespaces given"},
		{"topic", "GET /subscribe/?topic=/pets HTTP/1.1", true, 400, `unknown parameter "topic": expected ns, such as ns=/pets`},
		{"topics", "GET /subscribe/?topics=/pets HTTP/1.1", true, 400, "expected ns"},
		{"channel", "GET /subscribe/?channel=/pets HTTP/1.1", true, 400, "expected ns"},
		{"channels", "GET /subscribe/?channels HTTP/1.1", true, 400, "expected ns"},
		{"namespace", "GET /subscribe/?namespace=/pets HTTP/1.1", true, 400, "expected ns"},
		{"namespaces", "GET /subscribe/?namespaces[]=/pets HTTP/1.1", true, 400, "expected ns"},
		{"a list of topics", "GET /subscribe/?topic%5B%5D=/pets HTTP/1.1", true, 400, `"topic[]"`},
		{"with a path", "GET /subscribe/pets?topic=/pets HTTP/1.1", true, 400, "expected ns"},
		{"with ns", "GET /subscribe?ns=/pets&Topic=/time HTTP/1.1", true, 400, "expected ns"},
		{"another case", "GET /subscribe/?NS=/pets HTTP/1.1", true, 400, "expected ns"},
		{"with white space", "GET /subscribe/?+ns%20=/pets HTTP/1.1", true, 400, "expected ns"},
		{"an index that is not a number", "GET /subscribe/?ns[a]=/pets HTTP/1.1", true, 400, "expected ns"},
		{"two indexes", "GET /subscribe/?ns[0][1]=/pets HTTP/1.1", true, 400, "expected ns"},
		{"half an index", "GET /subscribe/?ns[=/pets HTTP/1.1", true, 400, "expected ns"},
		{"an index behind a point", "GET /subscribe/?ns.0=/pets HTTP/1.1", true, 400, "expected ns"},
		{"empty", "GET /subscribe/?topic= HTTP/1.1", true, 400, "expected ns"},
		{"a name with a bad triplet", "GET /subscribe/?ns%5B%5=/pets HTTP/1.1", true, 400, "hexadecimal"},
		{"an empty entry of a list", "GET /subscribe/?ns[]= HTTP/1.1", true, 400, `start with "/"`},
		{"HEAD", "HEAD /subscribe HTTP/1.1", true, 400, "no namespace given"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := parsed(t, tt.line)
			var any Origins
			to := any.Answer(req)
			to.MayRead = tt.mayRead
			r, refusal := Parse(req, to)
			if refusal.Status != tt.status || !strings.Contains(refusal.Reason, tt.reason) || r.Body == strings.HasPrefix(tt.line, "HEAD") {
				t.Errorf("%+v, %+v", r, refusal)
			}
		})
	}
}

// TestMethods checks the accepted methods, and that OPTIONS is a preflight.
func TestMethods(t *testing.T) {
	for _, tt := range []struct {
		line            string
		preflight, body bool
	}{
		{"GET /subscribe/a HTTP/1.1", false, true},
		{"HEAD /subscribe/a HTTP/1.1", false, false},
		{"OPTIONS /subscribe/a HTTP/1.1", true, true},
		{"OPTIONS /subscribe HTTP/1.1", true, true}, // a preflight subscribes to nothing
		{"OPTIONS * HTTP/1.1", true, true},
		{"GET http://x/subscribe/a HTTP/1.1", false, true},
	} {
		r, refusal := parse(parsed(t, tt.line))
		if refusal != (Refusal{}) || r.Preflight != tt.preflight || r.Body != tt.body {
			t.Errorf("%s: %+v, %+v", tt.line, r, refusal)
		}
	}
	if r, refusal := Parse(parsed(t, "OPTIONS * HTTP/1.1"), Answer{}); refusal != (Refusal{}) || !r.Preflight {
		t.Errorf("OPTIONS * of a page that may not read: %+v, %+v", r, refusal)
	}
}

// TestToken checks the places where a request can contain a token, and their precedence.
func TestToken(t *testing.T) {
	for _, tt := range []struct {
		name, target string
		fields       []string
		want         string
		none         bool
	}{
		{"none", "/subscribe/a", nil, "", true},
		{"X-Authorization", "/subscribe/a?token=q", []string{"Authorization: Bearer b", "x-authorization: x"}, "x", false},
		{"an empty X-Authorization is a token that is wrong", "/subscribe/a?token=q", []string{"X-Authorization:"}, "", false},
		{"the first of two", "/subscribe/a", []string{"X-Authorization: x", "X-Authorization: y"}, "x", false},
		{"Bearer", "/subscribe/a?token=q", []string{"Authorization: bEARER  b"}, "b", false},
		{"another scheme", "/subscribe/a?token=q", []string{"Authorization: Basic b"}, "q", false},
		{"Bearer alone", "/subscribe/a", []string{"Authorization: Bearer"}, "", true},
		{"the query", "/subscribe/a?token=q", nil, "q", false},
		{"the query, encoded", "/subscribe/a?token=a%2bb+c", nil, "a+b c", false},
		{"the first of the query", "/subscribe/a?token=q&token=r", nil, "q", false},
		{"an empty one of the query", "/subscribe/a?token=&token=r", nil, "", true},
		{"one of the query that cannot be decoded", "/subscribe/a?token=%zz&token=r", nil, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, refusal := parse(get(t, tt.target, tt.fields...))
			if refusal != (Refusal{}) || string(r.Token) != tt.want || (r.Token == nil) != tt.none {
				t.Errorf("%q, %+v", r.Token, refusal)
			}
		})
	}
}

// TestResume checks the parameters that ask for earlier messages.
func TestResume(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		fields      []string
		id          string
		last        int
		since       int64
		bad         string // a part of the reason
	}{
		{"nothing", "", nil, "", -1, -1, ""},
		{"a field", "", []string{"last-event-id: a-1"}, "a-1", -1, -1, ""},
		{"a field takes precedence over the query", "last_event_id=b-2", []string{"Last-Event-ID: a-1"}, "a-1", -1, -1, ""},
		{"an empty field does not", "last_event_id=b-2", []string{"Last-Event-ID:"}, "b-2", -1, -1, ""},
		{"the last of several", "last_event_id=a-1&lastEventId=b-2&lastEventId=", nil, "b-2", -1, -1, ""},
		{"encoded", "lastEventId=a%2D1", nil, "a-1", -1, -1, ""},
		{"a number", "last=3&last=4", nil, "", 4, -1, ""},
		{"none", "last=0", nil, "", 0, -1, ""},
		{"empty ones are absent", "last=&since=&last_event_id=&lastEventId", []string{"Last-Event-ID:"}, "", -1, -1, ""},
		{"empty ones change nothing", "last=2&last=&since=1s&since&last_event_id=a-1&lastEventId=", nil, "a-1", 2, 1e9, ""},
		{"an encoded name", "l%61st=2", nil, "", 2, -1, ""},
		{"a time", "since=1h0.5s", nil, "", -1, 3600_500_000_000, ""},
		{"no number", "last=x", nil, "", -1, -1, `invalid last="x": expected a non-negative integer`},
		{"a negative number", "last=-1", nil, "", -1, -1, `invalid last="-1": expected`},
		{"no time", "since=30", nil, "", -1, -1, `invalid since="30": expected a duration`},
		{"a negative time", "since=-30s", nil, "", -1, -1, `invalid since="-30s": expected`},
		{"the first that is wrong", "since=x&last=y", nil, "", -1, -1, `since="x"`},
		{"bad encoding", "last=%z", nil, "", -1, -1, "hexadecimal"},
		{"what is wrong is cut", "last=" + strings.Repeat("9", 300), nil, "", -1, -1, `last="99999999999999999999": expected`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, refusal := parse(get(t, "/subscribe/a?"+tt.query, tt.fields...))
			if refusal != (Refusal{}) || (r.BadResume.Status == 400) != (tt.bad != "") || !strings.Contains(r.BadResume.Reason, tt.bad) {
				t.Fatalf("%+v, %+v", r, refusal)
			}
			if tt.bad == "" && (string(r.Resume.ID) != tt.id || r.Resume.Last != tt.last || r.Resume.Since != time.Duration(tt.since)) {
				t.Errorf("%+v", r.Resume)
			}
		})
	}
}

// TestClone verifies that a clone does not depend on the request's buffer.
func TestClone(t *testing.T) {
	head := []byte("GET /subscribe/pets?token=secret&last_event_id=a-1 HTTP/1.1\r\nHost: x\r\n\r\n")
	var p httpparse.Parser
	var req httpparse.Request
	if _, err := p.Parse(head, &req); err != nil {
		t.Fatal(err)
	}
	r, _ := parse(&req)
	kept := r.Clone()
	for i := range head {
		head[i] = '!'
	}
	if string(kept.Token) != "secret" || string(kept.Resume.ID) != "a-1" || !slices.Equal(kept.Set.Members(), []string{"/pets"}) {
		t.Errorf("%+v", kept)
	}
}

// TestBrowser checks which fields identify a browser.
func TestBrowser(t *testing.T) {
	for _, tt := range []struct {
		fields []string
		want   bool
	}{
		{nil, false},
		{[]string{"Accept: */*"}, false},
		{[]string{"Accept: text/*"}, false},
		{[]string{"Accept:"}, false},
		{[]string{"Accept: text/event-stream"}, true},
		{[]string{"accept: TEXT/Event-Stream"}, true},
		{[]string{"Accept: text/event-stream, */*;q=0.1"}, true},
		{[]string{"Accept: application/json;q=0.5 ,\ttext/event-stream ; charset=utf-8;q=0.1"}, true},
		{[]string{"Accept: text/event-stream;q=0"}, false},
		{[]string{"Accept: text/event-stream;v=1; Q=0.000, */*"}, false},
		{[]string{"Accept: text/event-streams"}, false},
		{[]string{"Accept: application/text/event-stream"}, false},
		{[]string{"Accept: */*", "Accept: text/event-stream"}, true},
		{[]string{"X-Accept: text/event-stream"}, false},
		{[]string{"Sec-Fetch-Mode: cors"}, true},
		{[]string{"sec-fetch-dest: empty", "Accept: */*"}, true},
		{[]string{"SEC-FETCH-SITE:"}, true},
		{[]string{"Sec-Fetch-Something-New: ?1"}, true},
		{[]string{"Sec-Fetch-: x"}, false},
		{[]string{"Sec-CH-UA: x"}, false},
		{[]string{"User-Agent: Mozilla/5.0"}, false},
	} {
		r, refusal := parse(get(t, "/subscribe/a", tt.fields...))
		if refusal != (Refusal{}) || r.Browser != tt.want {
			t.Errorf("%q: %v, %+v", tt.fields, r.Browser, refusal)
		}
	}
}
