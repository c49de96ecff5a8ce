package loop

import (
	"errors"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/httpparse"
)

// lingerTime is how long a refused client has to read why. Closing at once
// while it still sends would make the kernel reset the connection, and the
// reset can overtake the answer.
const lingerTime = 2 * time.Second

// A visitor is a connection that has not subscribed yet: its request head is
// on its way, or it was refused and is leaving.
type visitor struct {
	client
	head    []byte // what came of its head so far, if it did not come at once
	seen    int    // how much of head was parsed in vain
	leaving bool
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
	if v.head != nil {
		v.head = append(v.head, in...)
		in = v.head
	}
	n, err := l.parser.Reparse(in, v.seen, &l.request)
	switch {
	case err != nil:
		var refusal *httpparse.Refusal
		if !errors.As(err, &refusal) {
			panic(err)
		}
		l.refuse(v, refusal.Status, refusal.Reason, true)
	case n > 0:
		v.head = nil
		l.serve(v, &l.request) // v is retired if it subscribes
	default:
		v.seen = len(in)
		if v.head == nil {
			v.head = append(make([]byte, 0, len(in)+512), in...)
		}
	}
	return gnet.None
}

// refuse answers with a status that means "do not come back like this", and
// lets the client read it.
func (l *loop) refuse(v *visitor, status int, why string, withBody bool) {
	l.stats.Refused++
	l.log.Debug("a request is refused", "client", addrOf(v.conn), "status", status, "why", why)
	l.leave(v, l.heads.refusal(status, why, withBody))
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

// expire ends a head that takes too long, or a farewell that does.
func (v *visitor) expire(l *loop) {
	if v.leaving {
		v.close()
		return
	}
	l.refuse(v, 408, "the request head did not arrive within "+l.opts.HeaderTimeout.String(), true)
}

func (v *visitor) closed(l *loop, _ error) { l.retire(v) }

// retire ends v's part in its connection's life.
func (l *loop) retire(v *visitor) {
	l.stats.Visitors--
	l.forget(&v.client)
	*v = visitor{}
	if len(l.visitors) < visitorsKept {
		l.visitors = append(l.visitors, v)
	}
}
