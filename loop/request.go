package loop

import (
	"net/netip"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/subreq"
)

// serve answers a visitor's request, or gives the connection to somebody who can,
// with all that was read of it. The loop itself knows /subscribe and /healthz.
func (l *loop) serve(v *visitor, req *httpparse.Request, read []byte) gnet.Action {
	to := l.origins.Answer(req)
	handed := l.opts.Handover.has(req.Path)
	isHealth := !handed && string(req.Path) == healthPath
	switch {
	case v.unproxied && !isHealth:
		l.refuseUnread(v, read, 400, needsProxyLine)
	case handed:
		return l.handOver(v, to, read)
	case isHealth:
		l.serveHealth(v, to, req)
	default:
		l.serveSubscribe(v, to, req, read)
	}
	return gnet.None
}

func (l *loop) serveSubscribe(v *visitor, to subreq.Answer, req *httpparse.Request, read []byte) {
	v.from = l.clientAddr(v, req)
	ask, refusal := subreq.Parse(req, to)
	if refusal.Status == 0 && !ask.Preflight {
		refusal = l.authorize(&ask)
	}
	switch {
	case refusal.Status != 0:
		l.refuse(v, to, refusal.Status, refusal.Reason)
	case ask.Preflight:
		l.leave(v, l.heads.preflight(to, req))
	case l.opts.Authorize != nil:
		l.askWhetherItMay(v, ask, read)
	default:
		l.enter(v, &ask, req.Get("User-Agent"))
	}
}

// enter makes a visitor that may subscribe a subscriber, if there is a place.
func (l *loop) enter(v *visitor, ask *subreq.Request, userAgent []byte) {
	if l.history != nil && ask.BadResume.Status != 0 {
		l.refuse(v, ask.Answer, ask.BadResume.Status, ask.BadResume.Reason)
		return
	}
	missed := l.resumption(&ask.Resume, ask.Set)
	if !ask.Body {
		l.leave(v, l.heads.stream(ask.Answer)) // it takes no place, so there is always one
		return
	}
	switch cause, full := l.full(v); {
	case full:
		l.turnAway(cause)
		l.leave(v, l.heads.comeBack(ask.Answer, l.retryTime()))
	case missed.ahead:
		l.turnAway(turnedAhead)
		l.leave(v, l.heads.comeBack(ask.Answer, retrySoon()))
	default:
		l.subscribe(v, ask, l.audienceOf(ask.Set), l.identities.intern(userAgent, v.from), missed)
	}
}

// clientAddr returns where a request comes from, as proxies that are trusted have
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

// authorize checks the token of a request against its namespaces. The refusal is
// zero if the request may subscribe, 401 if the token is missing or unknown, and 403
// if it is valid for other namespaces only.
func (l *loop) authorize(ask *subreq.Request) (refusal subreq.Refusal) {
	tokens := l.tokens.Load()
	if !tokens.Required(auth.Subscribe) {
		return subreq.Refusal{}
	}
	if ask.Token == nil {
		return subreq.Refusal{Status: 401, Reason: "a token is needed: send X-Authorization, Authorization: Bearer, or ?token="}
	}
	grant, ok := tokens.Grant(ask.Token, auth.Subscribe)
	if !ok {
		return subreq.Refusal{Status: 401, Reason: "this token is not known, or may not subscribe"}
	}
	for _, ns := range ask.Set.Members() {
		if !grant.Allows([]byte(ns)) {
			return subreq.Refusal{Status: 403, Reason: "this token may not subscribe to " + ns}
		}
	}
	return subreq.Refusal{}
}
