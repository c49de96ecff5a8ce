package subreq

import (
	"bytes"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/nsindex"
)

// A Request is a request to subscribe, in the terms of this server.
type Request struct {
	Answer
	Preflight bool // OPTIONS: only the fields of the answer are asked for; the fields below are empty

	Set   nsindex.Set // the namespaces to subscribe to
	Token []byte      // as sent; nil if the request has none

	// Browser reports that the client is a browser: its stream begins with a line of its
	// own, since Firefox does not report a stream as open before its first byte.
	Browser bool

	Resume    Resume  // which messages before the live ones are asked for
	BadResume Refusal // why Resume is malformed; it only matters to a server that keeps a history
}

// A Refusal is the status and the one-line reason of an answer that refuses a
// request. The zero value means that nothing is refused.
type Refusal struct {
	Status int
	Reason string
}

// refusalOf is the refusal of a request that is malformed in the way err says.
func refusalOf(err error) Refusal { return Refusal{400, err.Error()} }

// subscribePath is the one resource. The rest of the path is a namespace.
const subscribePath = "/subscribe"

// Parse reads a request to subscribe, whose Answer is to.
//
// Slices of the Request point into the buffer that req was parsed from, or into
// memory of their own: use [Request.Clone] to keep it for longer than the buffer.
//
// The first of these that applies decides: OPTIONS *, an unknown path (404), a page
// that may not read (403), the method (OPTIONS, 405, 501), the namespaces (400). A
// malformed request for earlier messages is reported in BadResume.
func Parse(req *httpparse.Request, to Answer) (r Request, refusal Refusal) {
	r.Answer = to
	if string(req.Path) == "*" { // httpparse lets only OPTIONS through (RFC 9112 section 3.2.4)
		r.Preflight = true
		return r, Refusal{}
	}
	below, ok := bytes.CutPrefix(req.Path, []byte(subscribePath))
	switch {
	case !ok || len(below) > 0 && below[0] != '/':
		return r, Refusal{404, "there is nothing here; subscribe at /subscribe/<namespace>"}
	case !to.MayRead:
		return r, Refusal{403, "pages of this origin may not subscribe here; allow it with --cors-origin"}
	}
	switch string(req.Method) {
	case "GET", "HEAD":
	case "OPTIONS":
		r.Preflight = true
		return r, Refusal{}
	case "POST", "PUT", "DELETE", "PATCH", "TRACE":
		return r, Refusal{405, "subscribe with GET; messages are published over the line protocol"}
	default:
		return r, Refusal{501, "this method is not known here; subscribe with GET"}
	}
	return r, r.read(req, below)
}

// Clone returns a copy of r that does not depend on the buffer it was parsed from.
func (r Request) Clone() Request {
	r.Token = bytes.Clone(r.Token)
	r.Resume.ID = bytes.Clone(r.Resume.ID)
	return r
}

// namespacesUsual is how many namespaces fit without a slice of their own.
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
	// "/subscribe/?ns=/pets" asks for /pets, and not for everything.
	if len(namespaces) == 0 && len(below) == 1 {
		namespaces = append(namespaces, "/")
	}
	set, err := nsindex.NewSet(namespaces...)
	if err != nil {
		return refusalOf(err)
	}
	r.Set = set
	r.readFields(req, token)
	return Refusal{}
}

// unescapedPath decodes a path, and copies it.
func unescapedPath(path []byte) (string, error) {
	if bytes.IndexByte(path, '%') < 0 {
		return string(path), nil
	}
	var scratch [256]byte
	text, err := httpparse.AppendUnescaped(scratch[:0], path)
	return string(text), err
}

// readFields takes the token and the last event's id from the fields, which go
// before those of the query, and finds out whether the client is a browser. The token
// may be in the query because an EventSource cannot set a field.
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
