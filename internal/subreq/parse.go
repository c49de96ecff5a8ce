package subreq

import (
	"bytes"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/nsindex"
)

// A Request is a parsed request to subscribe.
type Request struct {
	Answer
	Preflight bool // OPTIONS: the answer has only a head, and the fields below are empty

	Set   nsindex.Set // the namespaces to subscribe to
	Token []byte      // as sent; nil if the request has no token

	// Browser reports that the client is a browser. Its stream begins with an extra line, because
	// Firefox does not report a stream as open before its first byte.
	Browser bool

	Resume    Resume  // the messages that the client wants before the live ones
	BadResume Refusal // why Resume is malformed; only used by a server that keeps a history
}

// A Refusal is the status and the one-line reason of an error response. In the zero value, Status
// is 0: the request is not refused.
type Refusal struct {
	Status int
	Reason string
}

// refusalOf returns a refusal with status 400 and the text of err.
func refusalOf(err error) Refusal { return Refusal{400, err.Error()} }

// subscribePath is the only resource. The rest of the path is a namespace.
const subscribePath = "/subscribe"

// Parse parses a request to subscribe. to is the request's Answer.
//
// Slices of the Request point into the buffer that req was parsed from, or into newly allocated
// memory. Call [Request.Clone] to keep the Request for longer than the buffer.
//
// The first of the following that applies determines the result: OPTIONS *, an unknown path (404),
// a page that may not read (403), the method (OPTIONS, 405, 501), the namespaces (400). A malformed
// request for earlier messages is reported in BadResume.
func Parse(req *httpparse.Request, to Answer) (r Request, refusal Refusal) {
	r.Answer = to
	if string(req.Path) == "*" { // httpparse accepts it only for OPTIONS (RFC 9112 section 3.2.4)
		r.Preflight = true
		return r, Refusal{}
	}
	below, ok := bytes.CutPrefix(req.Path, []byte(subscribePath))
	switch {
	case !ok || len(below) > 0 && below[0] != '/':
		return r, Refusal{404, "not found; subscribe at /subscribe/<namespace>"}
	case !to.MayRead:
		return r, Refusal{403, "pages of this origin may not subscribe; the server can allow it with --cors-origin"}
	}
	switch string(req.Method) {
	case "GET", "HEAD":
	case "OPTIONS":
		r.Preflight = true
		return r, Refusal{}
	case "POST", "PUT", "DELETE", "PATCH", "TRACE":
		return r, Refusal{405, "subscribe with GET; messages are published over the line protocol"}
	default:
		return r, Refusal{501, "unknown method; subscribe with GET"}
	}
	return r, r.read(req, below)
}

// Clone returns a copy of r that does not depend on the buffer it was parsed from.
func (r Request) Clone() Request {
	r.Token = bytes.Clone(r.Token)
	r.Resume.ID = bytes.Clone(r.Resume.ID)
	return r
}

// namespacesUsual is how many namespaces fit on the stack, without an allocation.
const namespacesUsual = 8

// read fills r from the path below /subscribe, the query and the fields.
func (r *Request) read(req *httpparse.Request, below []byte) (refusal Refusal) {
	var usual [namespacesUsual]string
	namespaces := usual[:0]
	if len(below) > 1 {
		ns, err := unescapedPath(below)
		if err != nil {
			return refusalOf(err)
		}
		namespaces = append(namespaces, ns)
	}
	r.Resume.reset()
	namespaces, token, refusal := r.readQuery(req.Query, namespaces)
	if refusal.Status != 0 {
		return refusal
	}
	// "/subscribe/?ns=/pets" subscribes to /pets, not to everything.
	if len(namespaces) == 0 && len(below) == 1 {
		namespaces = append(namespaces, "/")
	}
	if len(namespaces) == 0 {
		return Refusal{400, "no namespace given: subscribe at /subscribe/<namespace>, at /subscribe/ for everything, or with ?ns="}
	}
	set, err := nsindex.NewSet(namespaces...)
	if err != nil {
		return refusalOf(err)
	}
	r.Set = set
	r.readFields(req, token)
	return Refusal{}
}

// unescapedPath decodes a path into a new string.
func unescapedPath(path []byte) (string, error) {
	if bytes.IndexByte(path, '%') < 0 {
		return string(path), nil
	}
	var scratch [256]byte
	text, err := httpparse.AppendUnescaped(scratch[:0], path)
	return string(text), err
}

// readFields sets the token and the id of the last event, and determines whether the client is a
// browser. Fields take precedence over the query, which may contain the token because an
// EventSource cannot set fields.
func (r *Request) readFields(req *httpparse.Request, queryToken []byte) {
	var token, authorization, id []byte
	for i := range req.Fields {
		f := &req.Fields[i]
		switch {
		case token == nil && f.Is("X-Authorization"):
			token = f.Value
		case authorization == nil && f.Is("Authorization"):
			authorization = f.Value
		case id == nil && f.Is("Last-Event-ID"):
			id = f.Value
		case !r.Browser:
			r.Browser = isBrowserField(f)
		}
	}
	const scheme = "Bearer "
	switch {
	case token != nil:
		r.Token = token
	case len(authorization) > len(scheme) && bytes.EqualFold(authorization[:len(scheme)], []byte(scheme)): // RFC 6750 section 2.1
		r.Token = bytes.TrimLeft(authorization[len(scheme):], " ")
	default:
		r.Token = queryToken
	}
	if len(id) > 0 {
		r.Resume.ID = id
	}
}
