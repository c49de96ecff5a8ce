package loop

import (
	"net/netip"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/subreq"
)

// serve answers a parsed request, or hands the connection over with everything that was read from
// it. The loop itself serves /subscribe and /healthz.
func (c *pendingConn) serve(l *Loop, req *httpparse.Request, read []byte) gnet.Action {
	to := l.origins.Answer(req)
	handed := l.opts.Handover.has(req.Path)
	isHealth := !handed && string(req.Path) == healthPath
	switch {
	case c.unproxied && !isHealth:
		c.refuseUnread(l, read, 400, needsProxyHeader)
	case handed:
		return c.handOver(l, to, read)
	case isHealth:
		c.serveHealth(l, to, req)
	default:
		c.serveSubscribe(l, to, req, read)
	}
	return gnet.None
}

// serveSubscribe answers a request for /subscribe: it parses the parameters, checks the token, and
// then asks Options.Authorize or subscribes.
func (c *pendingConn) serveSubscribe(l *Loop, to subreq.Answer, req *httpparse.Request, read []byte) {
	c.forwardedAddr = c.clientAddr(l, req)
	ask, refusal := subreq.Parse(req, to)
	if refusal.Status == 0 && !ask.Preflight {
		refusal = l.authorize(&ask)
	}
	switch {
	case refusal.Status != 0:
		c.refuse(l, to, refusal.Status, refusal.Reason)
	case ask.Preflight:
		c.closeAfterReply(l, l.heads.preflight(to, req))
	case l.opts.Authorize != nil:
		c.startAuthorize(l, ask, read)
	default:
		c.enter(l, &ask, req.Get("User-Agent"))
	}
}

// enter makes a pending connection a subscriber if the limits allow it. The request is already
// authorized.
func (c *pendingConn) enter(l *Loop, ask *subreq.Request, userAgent []byte) {
	if l.window.kept != nil && ask.BadResume.Status != 0 {
		c.refuse(l, ask.Answer, ask.BadResume.Status, ask.BadResume.Reason)
		return
	}
	from := l.findResumePoint(ask)
	if !ask.Body {
		c.closeAfterReply(l, l.heads.stream(ask.Answer)) // HEAD takes no place, so there is always one
		return
	}
	switch cause, full := c.full(l); {
	case full:
		l.eventLog.countRejected(l, cause)
		c.closeAfterReply(l, l.heads.retryHead(ask.Answer, l.opts.retryTime()))
	case from.tooEarly:
		l.eventLog.countRejected(l, rejectAhead)
		c.closeAfterReply(l, l.heads.retryHead(ask.Answer, retrySoon()))
	default:
		if cause, ok := l.shared.takeSubscriber(c.address(), l.opts.ConnsMax); !ok {
			l.eventLog.countRejected(l, cause)
			c.closeAfterReply(l, l.heads.retryHead(ask.Answer, l.opts.retryTime()))
			return
		}
		c.subscribe(l, ask, l.audienceOf(ask.Set), l.clientInfos.intern(userAgent, c.forwardedAddr), from)
	}
}

// findResumePoint finds the place where a new subscriber starts. With several loops, another one
// may have sent the client messages that still wait in this loop's mailbox. They are delivered
// first.
func (l *Loop) findResumePoint(ask *subreq.Request) resumePoint {
	from := l.sequencer.resume(l, ask.Resume, ask.Set)
	if from.tooEarly && l.shared.feed != nil {
		l.emptyMailbox()
		l.schedulePass()
		from = l.sequencer.resume(l, ask.Resume, ask.Set)
	}
	return from
}

// clientAddr returns the client's address according to trusted proxies. It is not valid if that is
// the connection's own peer.
func (c *pendingConn) clientAddr(l *Loop, req *httpparse.Request) netip.Addr {
	if l.trust.Empty() {
		return c.forwardedAddr
	}
	nearest := c.forwardedAddr
	if !nearest.IsValid() {
		nearest = peerAddr(c.conn)
	}
	if client := httpparse.ClientAddr(req, nearest, l.trust.Covers); client != nearest {
		return client
	}
	return c.forwardedAddr
}

// authorize checks the token of a request against its namespaces. The refusal is zero if the
// request may subscribe. It is 401 if the token is missing or unknown, and 403 if the token is only
// valid for other namespaces.
func (a *admission) authorize(ask *subreq.Request) (refusal subreq.Refusal) {
	tokens := a.tokens.Load()
	if !tokens.Required(auth.Subscribe) {
		return subreq.Refusal{}
	}
	if ask.Token == nil {
		return subreq.Refusal{Status: 401, Reason: "a token is required: send X-Authorization, Authorization: Bearer, or ?token="}
	}
	grant, ok := tokens.Grant(ask.Token, auth.Subscribe)
	if !ok {
		return subreq.Refusal{Status: 401, Reason: "this token is unknown or may not subscribe"}
	}
	for _, ns := range ask.Set.Members() {
		if !grant.Allows([]byte(ns)) {
			return subreq.Refusal{Status: 403, Reason: "this token may not subscribe to " + ns}
		}
	}
	return subreq.Refusal{}
}
