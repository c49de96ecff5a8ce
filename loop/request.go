package loop

import (
	"bytes"
	"net/netip"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/nsindex"
)

// serve answers a visitor's request, or gives the connection to somebody who can,
// with all that was read of it. The loop itself knows /subscribe and /healthz.
func (l *loop) serve(v *visitor, req *httpparse.Request, read []byte) gnet.Action {
	handed := l.opts.Handover.has(req.Path)
	isHealth := !handed && string(req.Path) == healthPath
	if v.unproxied && !isHealth {
		l.refuseUnread(v, read, 400, needsProxyLine)
		return gnet.None
	}
	if handed {
		return l.handOver(v, read, string(req.Method) != "HEAD")
	}
	if isHealth {
		l.serveHealth(v, req)
		return gnet.None
	}
	l.serveSubscribe(v, req, read)
	return gnet.None
}

func (l *loop) serveSubscribe(v *visitor, req *httpparse.Request, read []byte) {
	withBody := string(req.Method) != "HEAD"
	var mayRead bool
	l.heads.cors, mayRead = l.cors.allow(req.Get("Origin"))
	v.from = l.clientAddr(v, req)
	if string(req.Path) == "*" { // only OPTIONS may ask that (RFC 9112 section 3.2.4)
		l.leave(v, l.heads.preflight())
		return
	}
	rest, ok := bytes.CutPrefix(req.Path, []byte("/subscribe"))
	if !ok || len(rest) > 0 && rest[0] != '/' {
		l.refuse(v, 404, "there is nothing here; subscribe at /subscribe/<namespace>", withBody)
		return
	}
	if !mayRead {
		l.refuse(v, 403, "pages of this origin may not subscribe here; allow it with --cors-origin", withBody)
		return
	}
	switch string(req.Method) {
	case "GET", "HEAD":
	case "OPTIONS":
		l.leave(v, l.heads.preflight())
		return
	case "POST", "PUT", "DELETE", "PATCH", "TRACE":
		l.refuse(v, 405, "subscribe with GET; messages are published over the line protocol", withBody)
		return
	default:
		l.refuse(v, 501, "this method is not known here; subscribe with GET", withBody)
		return
	}
	set, err := subscription(rest, req.Query)
	if err != nil {
		l.refuse(v, 400, err.Error(), withBody)
		return
	}
	if status, why := l.authorise(req, set); status != 0 {
		l.refuse(v, status, why, withBody)
		return
	}
	if l.opts.Authorize != nil {
		l.askWhetherItMay(v, set, read, withBody)
		return
	}
	l.enter(v, req, set, withBody)
}

// enter makes a visitor that may subscribe a subscriber, if there is a place.
func (l *loop) enter(v *visitor, req *httpparse.Request, set nsindex.Set, withBody bool) {
	missed, err := l.resumption(req, set)
	if err != nil {
		l.refuse(v, 400, err.Error(), withBody)
		return
	}
	if !withBody {
		l.leave(v, l.heads.stream()) // it takes no place, so there is always one
		return
	}
	switch cause, full := l.full(v); {
	case full:
		l.turnAway(cause)
		l.leave(v, l.heads.comeBack(retryTime()))
	case missed.ahead:
		l.turnAway(turnedAhead)
		l.leave(v, l.heads.comeBack(retrySoon()))
	default:
		l.subscribe(v, l.audienceOf(set), l.identities.intern(req.Get("User-Agent"), v.from), missed)
	}
}

// clientAddr tells where a request comes from, as proxies that are trusted have
// it; it is not valid if that is the connection's own peer.
func (l *loop) clientAddr(v *visitor, req *httpparse.Request) netip.Addr {
	if l.trust.nobody() {
		return v.from
	}
	nearest := v.from
	if !nearest.IsValid() {
		nearest = peerAddr(v.conn)
	}
	if client := httpparse.ClientAddr(req, nearest, l.trust.covers); client != nearest {
		return client
	}
	return v.from
}

// subscription reads the set that a request asks for: the rest of its path, and
// every "ns" of its query. Both are percent-decoded, once.
func subscription(rest, query []byte) (nsindex.Set, error) {
	var namespaces []string
	// "/subscribe/?ns=/pets" asks for /pets, and not for everything.
	if len(rest) > 1 || len(rest) == 1 && !hasNamespace(query) {
		ns, err := httpparse.AppendUnescaped(nil, rest)
		if err != nil {
			return nsindex.Set{}, err
		}
		namespaces = append(namespaces, string(ns))
	}
	for len(query) > 0 {
		var key, value []byte
		key, value, query = httpparse.NextPair(query)
		if string(key) != "ns" {
			continue
		}
		ns, err := httpparse.AppendUnescapedQuery(nil, value)
		if err != nil {
			return nsindex.Set{}, err
		}
		namespaces = append(namespaces, string(ns))
	}
	return nsindex.NewSet(namespaces...)
}

// hasNamespace tells whether a query names a namespace.
func hasNamespace(query []byte) bool {
	for len(query) > 0 {
		var key []byte
		if key, _, query = httpparse.NextPair(query); string(key) == "ns" {
			return true
		}
	}
	return false
}

// authorise tells whether a request may subscribe to a set; status 0 means that
// it may. 401 says that a token is missing or unknown, 403 that it is good
// elsewhere.
func (l *loop) authorise(req *httpparse.Request, set nsindex.Set) (status int, why string) {
	tokens := l.tokens.Load()
	if !tokens.Required(auth.Subscribe) {
		return 0, ""
	}
	token := tokenOf(req)
	if token == nil {
		return 401, "a token is needed: send X-Authorization, Authorization: Bearer, or ?token="
	}
	grant, ok := tokens.Grant(token, auth.Subscribe)
	if !ok {
		return 401, "this token is not known, or may not subscribe"
	}
	for _, ns := range set.Members() {
		if !grant.Allows([]byte(ns)) {
			return 403, "this token may not subscribe to " + ns
		}
	}
	return 0, ""
}

// tokenOf finds a request's token, or nil. An EventSource cannot set a field,
// so the query will do, too.
func tokenOf(req *httpparse.Request) []byte {
	if token := req.Get("X-Authorization"); token != nil {
		return token
	}
	if field := req.Get("Authorization"); len(field) > 7 && bytes.EqualFold(field[:7], []byte("Bearer ")) {
		return bytes.TrimLeft(field[7:], " ")
	}
	for query := req.Query; len(query) > 0; {
		var key, value []byte
		key, value, query = httpparse.NextPair(query)
		if string(key) == "token" {
			token, err := httpparse.AppendUnescapedQuery(nil, value)
			if err != nil {
				return nil
			}
			return token
		}
	}
	return nil
}
