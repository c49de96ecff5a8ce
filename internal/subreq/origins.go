package subreq

import (
	"bytes"

	"github.com/ssed/ssed/httpparse"
)

// Origins are the origins whose pages may read answers (the Fetch standard, section
// 3.3). They are made once and then only read. The zero value allows every page.
type Origins struct {
	listed map[string]string // an origin → the fields that let its pages read; nil: any may

	// wild has, for each scheme, the parts of wildcards behind the asterisk: the end of
	// a host, from a point on, and the port.
	wild map[string]map[string]bool
}

// An Answer is what all answers to one request have in common. It depends on that
// request alone.
type Answer struct {
	Body    bool // false for HEAD, which is answered with the head alone (RFC 9110 section 9.3.2)
	MayRead bool // the page that sent the request may read the answer, or no page sent it

	fields string // the fields that let that page read, as whole lines
	vary   bool   // another origin gets another answer
}

// corsAny lets every page read. It goes without credentials, which the standard
// forbids beside "*".
const corsAny = "Access-Control-Allow-Origin: *\r\n"

// corsVary tells caches that another origin gets another answer.
const corsVary = "Vary: Origin\r\n"

// ParseOrigins reads the allowed origins: "*" alone, or a list of "scheme://host[:port]"
// and "scheme://*.host[:port]", which matches all subdomains of host but not host itself.
// An empty list means "*". The error says why an origin could never match.
func ParseOrigins(origins []string) (Origins, error) {
	if len(origins) == 0 || len(origins) == 1 && origins[0] == "*" {
		return Origins{}, nil
	}
	o := Origins{listed: map[string]string{}, wild: map[string]map[string]bool{}}
	for _, origin := range origins {
		r, err := parseRule(origin)
		if err != nil {
			return Origins{}, err
		}
		if !r.wild {
			exact := r.scheme + "://" + r.host + r.port
			o.listed[exact] = corsListed(exact)
			continue
		}
		if o.wild[r.scheme] == nil {
			o.wild[r.scheme] = map[string]bool{}
		}
		o.wild[r.scheme][r.host+r.port] = true
	}
	return o, nil
}

// corsListed lets the pages of one origin read, with credentials.
func corsListed(origin string) string {
	return "Access-Control-Allow-Origin: " + origin + "\r\n" +
		"Access-Control-Allow-Credentials: true\r\n"
}

// Answer returns what all answers to req have in common. A request without an Origin
// does not come from another origin's page. Browsers send one Origin (RFC 6454 section
// 7.3), so a request with several is treated as one from a page that is not in the list.
func (o *Origins) Answer(req *httpparse.Request) (a Answer) {
	var origin []byte
	several := false
	for i := range req.Fields {
		if f := &req.Fields[i]; f.Is("Origin") {
			several = origin != nil
			origin = f.Value
		}
	}
	if a = o.answer(origin); several && o.listed != nil {
		a = Answer{vary: true}
	}
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
	if !ok && o.matchesWildcard(origin) {
		fields, ok = corsListed(string(origin)), true
	}
	return Answer{MayRead: ok, fields: fields, vary: true}
}

// originBytesMax is above the longest origin that is compared with wildcards: a host
// name has at most 253 bytes (RFC 1035 section 2.3.4), and no scheme of pages 200.
const originBytesMax = 512

// matchesWildcard reports whether an origin is a subdomain of one of the wildcards. It
// looks once at each point of the host, so the work is bounded by originBytesMax however
// many wildcards there are.
//
// The origin is sent back, so the asterisk must stand for labels: anything else could be
// another host with the right end, such as "evil.example/.example.org".
func (o *Origins) matchesWildcard(origin []byte) bool {
	if len(o.wild) == 0 || len(origin) > originBytesMax {
		return false
	}
	scheme, host, ok := bytes.Cut(origin, []byte("://"))
	ends := o.wild[string(scheme)]
	if !ok || ends == nil {
		return false
	}
	label := 0 // bytes of the label so far
	for i, c := range host {
		switch {
		case c == '.' && label == 0:
			return false
		case c == '.' && ends[string(host[i:])]:
			return true
		case c == '.':
			label = 0
		case isHostByte(c):
			label++
		default:
			return false
		}
	}
	return false
}

// AppendFields appends the CORS fields of every answer but that of a preflight.
func (a Answer) AppendFields(dst []byte) []byte {
	dst = append(dst, a.fields...)
	if a.vary {
		dst = append(dst, corsVary...)
	}
	return dst
}
