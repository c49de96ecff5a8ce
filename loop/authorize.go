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

// What an error of Options.Authorize may wrap.
var (
	// ErrUnauthenticated makes the answer 401: the request does not tell who asks, or
	// not so that it can be believed.
	ErrUnauthenticated = errors.New("authentication required")
	// ErrRetryLater makes the client ask again in some seconds: nothing is wrong with
	// the request, but it cannot be decided now.
	ErrRetryLater = errors.New("retry later")
)

// A Request is what Options.Authorize decides about: somebody asks for a set of
// namespaces.
type Request struct {
	Client     netip.Addr // where it comes from, as trusted proxies have it; not valid for a unix socket
	Peer       net.Addr   // the connection's other end, as SubscriberInfo.Peer will have it
	Namespaces []string   // its subscription set; not to be changed
	Query      string     // as it was sent; net/url.ParseQuery reads it

	head httpparse.Request
}

// Header returns the value of the request's first field of that name, in whatever
// case, such as Origin, Cookie, Authorization or User-Agent; empty if there is none.
func (r *Request) Header(name string) string { return string(r.head.Get(name)) }

// An authRequest is a request that waits for Options.Authorize.
type authRequest struct {
	Request
	conn   *pendingConn   // nil once the connection no longer waits
	ask    subreq.Request // in memory of its own
	cancel context.CancelFunc
	inputs uint8 // how often the client sent more
	err    error // the decision
}

// authRequests are the requests of all connections. Each has a goroutine until
// Authorize returns, even if its connection is closed by then. AuthorizeMax bounds
// these goroutines.
type authRequests struct {
	running int
	waiting map[*authRequest]bool      // the connection is still open
	decided *inbox.Inbox[*authRequest] // from the goroutines of Authorize
}

// startAuthorize calls Options.Authorize for a request, on a goroutine of its own. It
// copies the request head, since gnet reuses the buffer.
func (c *pendingConn) startAuthorize(l *Loop, ask subreq.Request, read []byte) {
	if cause, full := c.full(l); full && ask.Body {
		c.retryLater(l, ask.Answer, cause)
		return
	}
	if l.authRequests.running >= l.opts.AuthorizeMax {
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
		a.err = ErrRetryLater // unless it returns: it may end its goroutine, as t.Fatal does
		a.err = l.opts.Authorize(ctx, &a.Request)
	}()
}

// retryLater asks a client to retry. The reply to HEAD is the head alone.
func (c *pendingConn) retryLater(l *Loop, to subreq.Answer, cause rejectReason) {
	l.eventLog.countRejected(l, cause)
	if to.Body {
		c.closeAfterReply(l, l.heads.retryHead(to, l.opts.retryTime()))
	} else {
		c.closeAfterReply(l, l.heads.stream(to))
	}
}

// authResultsTime limits how long the results of Authorize may hold up one turn of the
// loop.
const authResultsTime = time.Millisecond

// handleResults continues the requests that Authorize has decided, for at most
// authResultsTime in one turn of the loop.
func (r *authRequests) handleResults(l *Loop) {
	if r.running == 0 {
		return
	}
	decided := r.decided.Take(nil)
	for begin := time.Now(); len(decided) > 0 && time.Since(begin) < authResultsTime; decided = decided[1:] {
		r.running--
		if a := decided[0]; a.conn != nil {
			a.answer(l)
		}
	}
	r.decided.PutBack(decided)
}

// answer replies to a client whose request Options.Authorize has decided.
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

// abandonAuth stops waiting for Authorize, since it took too long or the server ends,
// and asks the client to retry.
func (c *pendingConn) abandonAuth(l *Loop, cause rejectReason) {
	a := c.auth
	c.cancelAuth(l)
	c.retryLater(l, a.ask.Answer, cause)
}

// abandonAll asks every waiting client to retry: the server ends.
func (r *authRequests) abandonAll(l *Loop) {
	for a := range r.waiting {
		a.conn.abandonAuth(l, rejectDraining)
	}
}

// cancelAuth cancels the connection's authRequest, if it has one.
func (c *pendingConn) cancelAuth(l *Loop) {
	if a := c.auth; a != nil {
		a.cancel()
		a.conn, c.auth = nil, nil
		delete(l.authRequests.waiting, a)
	}
}

// discardInput discards what a client sends while it waits. A client that keeps
// sending is closed.
func (a *authRequest) discardInput() gnet.Action {
	if a.inputs++; a.inputs > noiseMax {
		return gnet.Close
	}
	return gnet.None
}

// reasonBytesMax is how much of an error's words a client is told.
const reasonBytesMax = 200

// inOneLine makes words fit for the body of an answer and a line of the log,
// whatever they quote.
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
