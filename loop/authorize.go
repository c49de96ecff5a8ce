package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/subreq"
)

// What an error of Options.Authorize may wrap.
var (
	// ErrUnauthenticated makes the answer 401: the request does not tell who asks, or
	// not so that it can be believed.
	ErrUnauthenticated = errors.New("it is not known who asks")
	// ErrComeBack makes the answer one after which a client asks again in some
	// seconds: nothing is wrong with the request, but it cannot be decided now.
	ErrComeBack = errors.New("come back later")
)

// A Request is what Options.Authorize decides about: somebody asks for a set of
// namespaces.
type Request struct {
	Client     netip.Addr // where it comes from, as trusted proxies have it; not valid for a unix socket
	Peer       net.Addr   // the connection's other end, as Conn.Peer will have it
	Namespaces []string   // its subscription set; not to be changed
	Query      string     // as it was sent; net/url.ParseQuery reads it

	head httpparse.Request
}

// Header returns the value of the request's first field of that name, in whatever
// case, such as Origin, Cookie, Authorization or User-Agent; empty if there is none.
func (r *Request) Header(name string) string { return string(r.head.Get(name)) }

// A petition is a visitor's request that waits for the word of Options.Authorize.
type petition struct {
	Request
	v      *visitor       // nil once its connection waits no longer
	ask    subreq.Request // in memory of its own
	cancel context.CancelFunc
	noise  uint8 // how often its client sent more
	err    error // the decision
}

// petitions are those of all visitors. Each has a goroutine until Authorize returns,
// also where its visitor has gone: they are what is bounded.
type petitions struct {
	running int                // the loop's, as what follows
	waiting map[*petition]bool // those with a visitor
	ready   []*petition        // decided, and taken from the other goroutines

	mu      sync.Mutex
	decided []*petition
}

// decide enters a word, and tells the loop.
func (p *petitions) decide(one *petition, bell *doorbell) {
	p.mu.Lock()
	p.decided = append(p.decided, one)
	p.mu.Unlock()
	bell.ring()
}

// askWhetherItMay has Options.Authorize decide about a visitor's request. Its head is
// copied, for what was read dies.
func (l *loop) askWhetherItMay(v *visitor, ask subreq.Request, read []byte) {
	if cause, full := l.full(v); full && ask.Body {
		l.putOff(v, ask.Answer, cause)
		return
	}
	if l.petitions.running >= l.opts.AuthorizeMax {
		l.putOff(v, ask.Answer, turnedUndecided)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &petition{v: v, ask: ask.Clone(), cancel: cancel}
	head := bytes.Clone(read[:min(len(read), l.opts.HeadBytesMax)])
	if n, err := l.parser.Parse(head, &p.head); n == 0 {
		panic(fmt.Sprint("loop: the copy of a request head is none: ", err))
	}
	p.Client, p.Peer, p.Namespaces, p.Query = v.address(), lasting(v.conn.RemoteAddr()), ask.Set.Members(), string(p.head.Query)
	v.petition = p
	l.petitions.waiting[p] = true
	l.petitions.running++
	l.wheel.set(&v.client, ticks(l.opts.AuthorizeTimeout))
	go func() {
		defer l.petitions.decide(p, l.bell)
		defer cancel()
		p.err = ErrComeBack // unless it returns: it may end its goroutine, as t.Fatal does
		p.err = l.opts.Authorize(ctx, &p.Request)
	}()
}

// putOff tells a visitor to come back. For HEAD that is the head alone.
func (l *loop) putOff(v *visitor, to subreq.Answer, cause turned) {
	l.turnAway(cause)
	if to.Body {
		l.leave(v, l.heads.comeBack(to, l.retryTime()))
	} else {
		l.leave(v, l.heads.stream(to))
	}
}

// hearDecisions goes on with those whose word has come, for as long as one turn has
// for it.
func (l *loop) hearDecisions() {
	if l.petitions.running == 0 {
		return
	}
	l.petitions.mu.Lock()
	l.petitions.ready = append(l.petitions.ready, l.petitions.decided...)
	l.petitions.decided = nil
	l.petitions.mu.Unlock()
	ready := l.petitions.ready
	for begin := time.Now(); len(ready) > 0 && time.Since(begin) < answerTime; ready = ready[1:] {
		l.petitions.running--
		if p := ready[0]; p.v != nil {
			l.decided(p)
		}
	}
	if l.petitions.ready = ready; len(ready) > 0 {
		l.bell.ring()
	} else {
		l.petitions.ready = nil
	}
}

// decided answers a visitor that has waited for Options.Authorize.
func (l *loop) decided(p *petition) {
	v := p.v
	l.withdraw(v)
	switch err := p.err; {
	case err == nil:
		l.enter(v, &p.ask, p.head.Get("User-Agent"))
	case errors.Is(err, ErrComeBack), errors.Is(err, context.DeadlineExceeded):
		l.putOff(v, p.ask.Answer, turnedUndecided)
	case errors.Is(err, ErrUnauthenticated):
		l.refuse(v, p.ask.Answer, 401, inOneLine(err.Error()))
	default:
		l.refuse(v, p.ask.Answer, 403, inOneLine(err.Error()))
	}
}

// undecided is what becomes of a visitor that has waited for long enough, or until
// the end.
func (l *loop) undecided(v *visitor, cause turned) {
	p := v.petition
	l.withdraw(v)
	l.putOff(v, p.ask.Answer, cause)
}

// decideNoMore tells all who wait for a word to come back: the server ends.
func (l *loop) decideNoMore() {
	for p := range l.petitions.waiting {
		l.undecided(p.v, turnedDraining)
	}
}

// withdraw ends a visitor's petition, if it has one.
func (l *loop) withdraw(v *visitor) {
	if p := v.petition; p != nil {
		p.cancel()
		p.v, v.petition = nil, nil
		delete(l.petitions.waiting, p)
	}
}

// hear throws away what a client sends while it waits. One that keeps sending is no
// subscriber.
func (p *petition) hear() gnet.Action {
	if p.noise++; p.noise > noiseMax {
		return gnet.Close
	}
	return gnet.None
}

// wordsBytesMax is how much of an error's words a client is told.
const wordsBytesMax = 200

// inOneLine makes words fit for the body of an answer and a line of the log,
// whatever they quote.
func inOneLine(words string) string {
	words = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(words[:min(len(words), wordsBytesMax)], ""))
	if words = strings.Join(strings.Fields(words), " "); words == "" {
		return "this is not allowed"
	}
	return words
}
