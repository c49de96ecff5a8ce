package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/inbox"
	"github.com/ssed/ssed/internal/subreq"
)

// Errors for Options.Authorize to return or wrap. Any other error makes the response 403.
var (
	// ErrUnauthenticated makes the response 401: the request does not prove the client's identity.
	ErrUnauthenticated = errors.New("authentication required")
	// ErrRetryLater makes the client retry in some seconds. The request may be valid, but it cannot
	// be decided now. An error that wraps context.DeadlineExceeded is treated in the same way.
	ErrRetryLater = errors.New("retry later")
)

// A Request is a request to subscribe that Options.Authorize decides about.
type Request struct {
	Client     netip.Addr // the address according to trusted proxies; not valid for a unix socket
	Peer       net.Addr   // the connection's remote address, like SubscriberInfo.Peer
	Namespaces []string   // its subscription set; do not change it
	Query      string     // as it was sent; url.ParseQuery parses it

	head httpparse.Request
}

// Header returns the value of the first header field with this name, or "" if there is no such
// field. The case of the name does not matter. Typical names are Origin, Cookie, Authorization and
// User-Agent.
func (r *Request) Header(name string) string { return string(r.head.Get(name)) }

// An authRequest is a request that waits for Options.Authorize. Its goroutine reads Request and
// writes err; the loop reads err after it has taken the authRequest from decided, and owns the
// other fields.
type authRequest struct {
	Request
	conn   *pendingConn   // nil once the connection no longer waits
	ask    subreq.Request // in its own memory
	cancel context.CancelFunc
	inputs uint8 // how often the client sent more bytes
	err    error // the decision
}

// authRequests holds the requests of all connections. Each one has a goroutine until Authorize
// returns, even if its connection is closed earlier. AuthorizeMax limits the number of these
// goroutines.
//
//	startAuthorize ─► goroutine: Authorize ─► decided ─► handleResults ─┬─► answer
//	                                                                    └─► ignored
//
// A result is ignored if the connection no longer waits for it: see cancelAuth.
type authRequests struct {
	running int                        // calls of Authorize whose results are not handled yet
	waiting map[*authRequest]bool      // requests with an open connection
	decided *inbox.Inbox[*authRequest] // results from the goroutines
}

// startAuthorize calls Options.Authorize for a request on a new goroutine. It copies the request
// head, since gnet reuses the buffer.
func (c *pendingConn) startAuthorize(l *Loop, ask subreq.Request, read []byte) {
	if cause, full := c.full(l); full && ask.Body {
		c.retryLater(l, ask.Answer, cause)
		return
	}
	if !takeOne(&l.shared.authorizing, l.opts.AuthorizeMax) {
		c.retryLater(l, ask.Answer, rejectUndecided)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &authRequest{conn: c, ask: ask.Clone(), cancel: cancel}
	head := bytes.Clone(read[:min(len(read), l.opts.HeadBytesMax)])
	if n, err := l.parser.Parse(head, &a.head); n == 0 {
		panic(fmt.Sprint("loop: the copy of a request head cannot be parsed: ", err))
	}
	a.Client, a.Peer, a.Namespaces, a.Query = c.address(), cloneAddr(c.conn.RemoteAddr()), ask.Set.Members(), string(a.head.Query)
	c.auth = a
	l.authRequests.waiting[a] = true
	l.authRequests.running++
	l.wheel.set(&c.client, ticks(l.opts.AuthorizeTimeout))
	go func() {
		defer l.authRequests.decided.Put(a)
		defer cancel()
		a.err = ErrRetryLater // in case Authorize ends its goroutine, as t.Fatal does
		a.err = l.opts.Authorize(ctx, &a.Request)
	}()
}

// retryLater asks a client to retry. The response to HEAD has no body.
func (c *pendingConn) retryLater(l *Loop, to subreq.Answer, cause rejectReason) {
	l.eventLog.countRejected(l, cause)
	if to.Body {
		c.closeAfterReply(l, l.heads.retryHead(to, l.opts.retryTime()))
	} else {
		c.closeAfterReply(l, l.heads.stream(to))
	}
}

// authResultsTime limits how long the results of Authorize may occupy one turn of the loop.
const authResultsTime = time.Millisecond

// handleResults continues the requests that Authorize has decided, for at most authResultsTime. The
// rest waits for the next turn.
func (r *authRequests) handleResults(l *Loop) {
	if r.running == 0 {
		return
	}
	decided := r.decided.Take(nil)
	for begin := time.Now(); len(decided) > 0 && time.Since(begin) < authResultsTime; decided = decided[1:] {
		r.running--
		l.shared.authorizing.Add(-1)
		if a := decided[0]; a.conn != nil {
			a.answer(l)
		}
	}
	r.decided.PutBack(decided)
}

// answer responds to a client whose request Options.Authorize has decided.
func (a *authRequest) answer(l *Loop) {
	c := a.conn
	c.cancelAuth(l)
	switch err := a.err; {
	case err == nil:
		c.enter(l, &a.ask, a.head.Get("User-Agent"))
	case errors.Is(err, ErrRetryLater), errors.Is(err, context.DeadlineExceeded):
		c.retryLater(l, a.ask.Answer, rejectUndecided)
	case errors.Is(err, ErrUnauthenticated):
		c.refuse(l, a.ask.Answer, 401, inOneLine(err.Error()))
	default:
		c.refuse(l, a.ask.Answer, 403, inOneLine(err.Error()))
	}
}

// abandonAuth stops waiting for Authorize because of a timeout or a shutdown, and asks the client
// to retry.
func (c *pendingConn) abandonAuth(l *Loop, cause rejectReason) {
	a := c.auth
	c.cancelAuth(l)
	c.retryLater(l, a.ask.Answer, cause)
}

// abandonAll asks every waiting client to retry, because the server is shutting down.
func (r *authRequests) abandonAll(l *Loop) {
	for a := range r.waiting {
		a.conn.abandonAuth(l, rejectDraining)
	}
}

// cancelAuth cancels the connection's authRequest, if it has one. The result of Authorize is then
// ignored.
func (c *pendingConn) cancelAuth(l *Loop) {
	if a := c.auth; a != nil {
		a.cancel()
		a.conn, c.auth = nil, nil
		delete(l.authRequests.waiting, a)
	}
}

// discardInput discards bytes that a client sends while it waits. A client that keeps sending is
// disconnected.
func (a *authRequest) discardInput() gnet.Action {
	if a.inputs++; a.inputs > noiseMax {
		return gnet.Close
	}
	return gnet.None
}

// reasonBytesMax limits how much of an error's text is sent to a client.
const reasonBytesMax = 200

// inOneLine makes any text safe for the body of a response and for a log line: it truncates the
// text and replaces line breaks and control characters.
func inOneLine(words string) string {
	words = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(words[:min(len(words), reasonBytesMax)], ""))
	if words = strings.Join(strings.Fields(words), " "); words == "" {
		return "not allowed"
	}
	return words
}
