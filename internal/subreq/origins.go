package subreq

import (
	"bytes"

	"github.com/ssed/ssed/httpparse"
)

// Origins is the set of origins whose pages may read answers (the Fetch standard, section 3.3). It
// does not change after ParseOrigins. The zero value allows every page.
type Origins struct {
	listed map[string]string // from an origin to the fields that let its pages read; nil: any page may

	// wild maps each scheme to the wildcards with that scheme. A key is the part after the
	// asterisk: the end of a host, beginning with a dot, and the port.
	wild map[string]map[string]bool
}

// An Answer holds the properties that are common to all answers to one request. It depends only on
// that request.
type Answer struct {
	Body    bool // false for HEAD; its answer has only a head (RFC 9110 section 9.3.2)
	MayRead bool // the page that sent the request may read the answer, or no page sent it

	fields string // complete lines with the fields that let the page read
	vary   bool   // the answer depends on the Origin
}

// corsAny lets every page read. It does not allow credentials, which the standard forbids together
// with "*".
const corsAny = "Access-Control-Allow-Origin: *\r\n"

// corsVary tells caches that the answer depends on the Origin.
const corsVary = "Vary: Origin\r\n"

// ParseOrigins parses the allowed origins. The list is either "*" alone, or contains
// "scheme://host[:port]" and "scheme://*.host[:port]". A wildcard matches all subdomains of host
// but not host itself. An empty list means "*". The error explains why an origin could never match.
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

// corsListed returns the fields that let the pages of one origin read, with credentials.
func corsListed(origin string) string {
	return "Access-Control-Allow-Origin: " + origin + "\r\n" +
		"Access-Control-Allow-Credentials: true\r\n"
}

// Answer returns the common properties of all answers to req. A request without an Origin does not
// come from another origin's page. Browsers send one Origin (RFC 6454 section 7.3). So a request
// with several is treated like a request from a page that is not allowed.
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

// Unread returns the Answer to a request that could not be parsed, so that its origin is unknown.
// If the beginning of the head shows that the method is HEAD, the Answer has no body.
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

// originBytesMax is more than the length of the longest origin that is compared with wildcards. A
// host has at most hostBytesMax, and a scheme at most schemeBytesMax.
const originBytesMax = 512

// matchesWildcard reports whether an origin is a subdomain of one of the wildcards. It makes one
// lookup for each dot of the host, so originBytesMax limits the work, regardless of the number of
// wildcards.
//
// The origin is sent back to the client, so the asterisk must match only labels. Otherwise the
// origin could be another host with a matching end, such as "evil.example/.example.org".
func (o *Origins) matchesWildcard(origin []byte) bool {
	if len(o.wild) == 0 || len(origin) > originBytesMax {
		return false
	}
	scheme, host, ok := bytes.Cut(origin, []byte("://"))
	ends := o.wild[string(scheme)]
	if !ok || ends == nil {
		return false
	}
	label := 0 // length of the current label
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

// AppendFields appends the CORS fields of every answer except a preflight's.
func (a Answer) AppendFields(dst []byte) []byte {
	dst = append(dst, a.fields...)
	if a.vary {
		dst = append(dst, corsVary...)
	}
	return dst
}
