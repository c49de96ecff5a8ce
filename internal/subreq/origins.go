package subreq

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"

	"github.com/ssed/ssed/httpparse"
)

// Origins are the origins whose pages may read answers (the Fetch standard, section
// 3.3). They are made once and then only read. The zero value allows every page.
type Origins struct {
	listed map[string]string // an origin → the fields that let its pages read; nil: any may
}

// An Answer is what all answers to one request have in common. It depends on that
// request alone.
type Answer struct {
	Body    bool // false for HEAD, which is answered with the head alone (RFC 9110 section 9.3.2)
	MayRead bool // the page that sent the request may read the answer, or no page sent it

	fields string // what lets that page read, as whole lines
	vary   bool   // another origin gets another answer
}

// corsAny lets every page read. It goes without credentials, which the standard
// forbids beside "*".
const corsAny = "Access-Control-Allow-Origin: *\r\n"

// corsVary tells caches that another origin gets another answer.
const corsVary = "Vary: Origin\r\n"

// ParseOrigins reads the allowed origins: "*" alone, or "scheme://host[:port]" each.
// None at all means "*".
func ParseOrigins(origins []string) (Origins, error) {
	if len(origins) == 0 || len(origins) == 1 && origins[0] == "*" {
		return Origins{}, nil
	}
	o := Origins{listed: map[string]string{}}
	for _, origin := range origins {
		if !isOrigin(strings.ToLower(origin)) {
			return Origins{}, fmt.Errorf(`the origin %q is not as browsers write it, such as "https://example.org" or "http://localhost:3000" (in ASCII, without the default port); "*" must stand alone`, origin)
		}
		origin = strings.ToLower(origin)
		o.listed[origin] = "Access-Control-Allow-Origin: " + origin + "\r\n" +
			"Access-Control-Allow-Credentials: true\r\n"
	}
	return o, nil
}

// isOrigin reports whether text is an origin as a browser sends it (HTML section
// 7.1.1, "ASCII serialization of an origin"): anything else could never match.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != text {
		return false
	}
	defaultPort := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return defaultPort != "" && u.Port() != defaultPort &&
		!strings.ContainsFunc(text, func(r rune) bool { return r > '~' || r <= ' ' || strings.ContainsRune(`"<>\\^{|}`+"`", r) })
}

// Answer returns what all answers to req have in common. A request without an Origin
// does not come from another origin's page.
func (o *Origins) Answer(req *httpparse.Request) Answer {
	a := o.answer(req.Get("Origin"))
	a.Body = string(req.Method) != "HEAD"
	return a
}

// Unread returns the Answer to a request that could not be parsed, so that its
// origin is unknown; but the beginning of its head may show that it is a HEAD.
func (o *Origins) Unread(head []byte) Answer {
	a := o.answer(nil)
	a.Body = !bytes.HasPrefix(bytes.TrimLeft(head, "\r\n"), []byte("HEAD "))
	return a
}

func (o *Origins) answer(origin []byte) Answer {
	switch {
	case o.listed == nil:
		return Answer{MayRead: true, fields: corsAny}
	case origin == nil:
		return Answer{MayRead: true, vary: true}
	}
	fields, ok := o.listed[string(origin)]
	return Answer{MayRead: ok, fields: fields, vary: true}
}

// AppendFields appends the CORS fields of every answer but that of a preflight.
func (a Answer) AppendFields(dst []byte) []byte {
	dst = append(dst, a.fields...)
	if a.vary {
		dst = append(dst, corsVary...)
	}
	return dst
}
