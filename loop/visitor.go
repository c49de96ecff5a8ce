package loop

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/subreq"
)

// lingerTime is how long a refused client has to read why. Closing at once
// while it still sends would make the kernel reset the connection, and the
// reset can overtake the answer.
const lingerTime = 2 * time.Second

// A visitor is a connection that has not subscribed yet: its request head is
// on its way, or is being decided about, or it was refused and is leaving.
type visitor struct {
	client
	head      []byte     // what came of its head so far, if it did not come at once
	seen      int        // how much of head was parsed in vain
	from      netip.Addr // its address, as a proxy has it; zero: the peer's
	proxied   bool       // its PROXY line has been read, or is not there
	unproxied bool       // it is not there: see mayAskHealth
	leaving   bool

	petition *petition // not nil: it waits for Options.Authorize
}

// visitorsKept is how many used visitors wait to be used again. Most live for a
// millisecond, and a burst of connections would leave its memory full of holes.
const visitorsKept = 256

func (l *loop) welcome(conn gnet.Conn) {
	v := &visitor{}
	if n := len(l.visitors); n > 0 {
		v = l.visitors[n-1]
		l.visitors = l.visitors[:n-1]
	}
	v.conn, v.openedSec = conn, l.seconds()
	conn.SetContext(v)
	l.settling.opened++
	l.wheel.set(&v.client, ticks(l.opts.HeaderTimeout))
	l.stats.Visitors++
}

// traffic reads the request head. What a client sends after its request, or
// after our refusal, is thrown away: a second request is never served.
func (v *visitor) traffic(l *loop, in []byte) gnet.Action {
	if v.leaving {
		return gnet.None
	}
	if v.petition != nil {
		return v.petition.hear()
	}
	if v.head != nil {
		v.head = append(v.head, in...)
		in = v.head
	}
	if l.opts.ProxyProtocol && !v.proxied {
		var ok bool
		if in, ok = v.readProxyLine(l, in); !ok {
			return gnet.None
		}
	}
	n, err := l.parser.Reparse(in, v.seen, &l.request)
	switch {
	case err != nil:
		var refusal *httpparse.Refusal
		if !errors.As(err, &refusal) {
			panic(err)
		}
		l.refuseUnread(v, in, refusal.Status, refusal.Reason)
	case n > 0:
		v.head = nil
		return l.serve(v, &l.request, in) // v is retired if it subscribes
	default:
		v.seen = len(in)
		v.keep(in)
	}
	return gnet.None
}

// keep holds an unfinished head until more of it comes, unless it is held.
func (v *visitor) keep(in []byte) {
	if v.head == nil {
		v.head = append(make([]byte, 0, len(in)+512), in...)
	}
}

// readProxyLine takes the PROXY line off in, which must be there before anything
// else. It tells whether the request may be read now.
func (v *visitor) readProxyLine(l *loop, in []byte) (rest []byte, ok bool) {
	n, ok := proxyLineEnd(in)
	if !ok && mayAskHealth(in) {
		v.proxied, v.unproxied = true, true
		return in, true
	}
	if ok && n == 0 {
		v.keep(in)
		return nil, false
	}
	if ok {
		var err error
		v.from, err = parseProxyLine(in[:n])
		ok = err == nil
	}
	if peer := peerAddr(v.conn); !ok || !l.trust.nobody() && !l.trust.covers(peer) {
		l.refuseUnread(v, in, 400, needsProxyLine)
		return nil, false
	}
	v.proxied = true
	if v.head != nil {
		v.head = append(v.head[:0], in[n:]...) // they overlap; append moves
		return v.head, len(v.head) > 0
	}
	return in[n:], len(in) > n
}

// refuse answers with a status that means "do not come back like this", and
// lets the client read it.
func (l *loop) refuse(v *visitor, to subreq.Answer, status int, why string) {
	l.stats.Refused++
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("a request is refused", "client", nameOf(v.conn, v.from), "status", status, "why", why)
	}
	l.leave(v, l.heads.refusal(to, status, why))
}

// refuseUnread refuses a request that could not be read, so that its origin is unknown.
func (l *loop) refuseUnread(v *visitor, head []byte, status int, why string) {
	l.refuse(v, l.origins.Unread(head), status, why)
}

// leave sends a last answer, ends our half of the connection and gives the
// client a while to end its own.
func (l *loop) leave(v *visitor, answer []byte) {
	v.leaving, v.head = true, nil
	l.wheel.set(&v.client, ticks(lingerTime))
	if _, err := v.conn.Write(answer); err != nil {
		return // gnet has closed it
	}
	if v.conn.OutboundBuffered() == 0 {
		_ = unix.Shutdown(v.fd(), unix.SHUT_WR)
	}
}

// expire ends a head that takes too long, or a decision, or a farewell that does.
func (v *visitor) expire(l *loop) {
	if v.leaving {
		v.close()
		return
	}
	if v.petition != nil {
		l.undecided(v, turnedUndecided)
		return
	}
	l.refuseUnread(v, v.head, 408, "the request head did not arrive within "+l.opts.HeaderTimeout.String())
}

func (v *visitor) closed(l *loop, _ error) {
	l.withdraw(v)
	l.retire(v)
}

// retire ends v's part in its connection's life.
func (l *loop) retire(v *visitor) {
	l.stats.Visitors--
	l.forget(&v.client)
	*v = visitor{}
	if len(l.visitors) < visitorsKept {
		l.visitors = append(l.visitors, v)
	}
}
