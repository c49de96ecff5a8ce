package loop

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/publish"
)

// keepAliveIdle is how long a publisher may be silent before TCP probes whether it is still there.
const keepAliveIdle = time.Minute

// A publisher is a connection that speaks the line protocol. The loop does not read it while its
// socket does not accept its replies. Its input then waits in the socket, so a publisher that never
// reads its replies blocks only itself.
//
// This also delays the end of the connection until the publisher has all replies (printf ... | nc):
// gnet closes a connection when the peer has stopped sending, even if the peer still reads.
//
//	reading ──┬── no room to publish ────► queued: in waitingPublishers ──┬──► reading
//	          ├── replies pending (Store) ► detached until acked ──────────┤
//	          ├── socket full ────────────► blocked: in backlog.blocked ───┘
//	          └── QUIT ───────────────────► quit: closes once all replies are sent
//
// queued, pending replies and blocked can hold at the same time; p is read again when none does.
type publisher struct {
	client
	session  *publish.Session
	replier  replier
	unread   []byte // input that waits for room
	unsent   []byte // replies that the socket did not accept
	number   uint32 // its registration with the watch; 0: none yet
	blocked  bool   // its socket is full; it is in backlog.blocked
	queued   bool   // it is in publishers.waitingPublishers
	detached bool   // gnet does not read it at the moment
	quit     bool   // it sent QUIT
	broken   bool   // gnet cannot read it again
}

// A replier publishes the messages of one publisher and holds back replies that are not due yet.
type replier interface {
	publish.Sink
	// take accepts the replies that the session has produced, and returns the replies that may be
	// sent now. The result is valid until the next call. The replier may keep and change the memory
	// of made.
	take(session *publish.Session, made []byte) []byte
	// pending reports whether replies are held back.
	pending() bool
}

// directReplier is the replier for messages that the loop publishes immediately.
type directReplier struct{ *Loop }

func (directReplier) take(_ *publish.Session, made []byte) []byte { return made }
func (directReplier) pending() bool                               { return false }

// addPublisher starts a line-protocol session on a new connection.
func addPublisher(l *Loop, conn gnet.Conn) {
	p := &publisher{
		client:  client{conn: conn, openedSec: l.seconds()},
		session: publish.NewSession(l.session),
	}
	p.replier = l.sequencer.replierFor(l, p)
	conn.SetContext(p)
	l.stats.Publishers++
	// Without this, a peer that vanishes would keep its place forever. The option has no meaning
	// for a unix socket, and a failure is no reason to close the connection.
	_ = conn.SetKeepAlive(true, keepAliveIdle, keepAliveIdle/4, 4)
}

// ping is the command that checks whether the daemon is alive.
var ping = []byte("PING\n")

// traffic handles input from a publisher. Input for which the round has no room waits in p.unread.
// A leading PING needs no room, so a health check does not wait for the messages of other
// publishers.
func (p *publisher) traffic(l *Loop, in []byte) gnet.Action {
	pings := 0
	for !p.queued && bytes.HasPrefix(in[pings:], ping) {
		pings += len(ping)
	}
	if pings > 0 {
		if !p.feed(l, in[:pings]) {
			return gnet.Close
		}
		if in = in[pings:]; len(in) == 0 {
			return gnet.None
		}
	}
	if p.queued || !l.mayPublish() {
		p.unread = append(p.unread, in...)
		p.enqueue(l)
		return gnet.None
	}
	if !p.feed(l, in) {
		return gnet.Close
	}
	return gnet.None
}

// enqueue makes p wait for room. Until then gnet does not read it.
func (p *publisher) enqueue(l *Loop) {
	p.detach(l)
	if !p.queued {
		p.queued = true
		l.waitingPublishers = append(l.waitingPublishers, p)
	}
	l.schedulePass()
}

// feedUnread feeds the input that p sent before it was queued. feed then lets gnet read its socket
// again.
func (p *publisher) feedUnread(l *Loop) {
	in := p.unread
	p.unread = nil
	if !p.feed(l, in) {
		p.close()
	}
}

// feed passes input to the session and sends its replies. It reports whether the connection stays
// open. The loop writes replies itself, because gnet's buffer has no bound.
func (p *publisher) feed(l *Loop, in []byte) (open bool) {
	if p.quit {
		return p.blocked || p.replier.pending()
	}
	l.replies, p.quit = p.session.Feed(in, p.replier, l.replies[:0])
	l.replies = p.replier.take(p.session, l.replies)
	l.schedulePass()
	if !p.reply(l, l.replies) {
		return false
	}
	if p.blocked || p.replier.pending() {
		p.detach(l)
		return true
	}
	p.attach(l)
	return !p.quit && !p.broken
}

// reply sends replies, after earlier replies that are unsent, and keeps the bytes that the socket
// does not accept. It reports whether the connection still works.
func (p *publisher) reply(l *Loop, replies []byte) bool {
	if p.blocked {
		p.unsent = append(p.unsent, replies...)
		return true
	}
	n, errno := sendAll(p.fd(), replies)
	if n < len(replies) && errno == 0 {
		p.unsent = append(p.unsent[:0], replies[n:]...)
		return p.block(l)
	}
	return errno == 0
}

// block waits until p's socket accepts more replies, for at most ReplyTimeout.
func (p *publisher) block(l *Loop) bool {
	number, err := l.await(p, p.fd(), p.number, p.number != 0)
	if err != nil {
		l.log.Error("cannot watch a socket; closing its publisher", "client", nameOf(p.conn, netip.Addr{}), "err", err)
		return false
	}
	p.number, p.blocked = number, true
	l.wheel.set(&p.client, ticks(l.opts.ReplyTimeout))
	return true
}

// writable sends more of the unsent replies.
func (p *publisher) writable(l *Loop) {
	delete(l.blocked, p.number)
	p.blocked = false
	l.wheel.clear(&p.client)
	n, errno := sendAll(p.fd(), p.unsent)
	p.unsent = p.unsent[n:]
	switch {
	case errno != 0, len(p.unsent) > 0 && !p.block(l):
		p.unsent = nil
		p.close()
	case len(p.unsent) > 0:
	default:
		p.unsent = nil
		p.resume(l)
	}
}

// expire closes a publisher that did not read its replies within ReplyTimeout.
func (p *publisher) expire(l *Loop) {
	l.eventLog.unreadReplies(p, l)
	l.stats.PublishersClosed++
	p.unsent = nil
	p.close()
}

// closed removes p. Messages that were published or given to the Store are not affected. Input that
// still waits for room is dropped; no OK was sent for it.
func (p *publisher) closed(l *Loop, _ error) {
	if p.blocked {
		delete(l.blocked, p.number)
	}
	l.stats.Publishers--
	p.client.detach(l)
}

// sendReady sends the replies that have become due after acknowledgements from the Store.
func (p *publisher) sendReady(l *Loop, replies *publish.Replies) {
	if p.conn == nil {
		return
	}
	l.replies = replies.Take(l.replies[:0])
	if !p.reply(l, l.replies) {
		p.close()
		return
	}
	p.resume(l)
}

// resume continues after replies were sent: it lets gnet read p, or closes p after QUIT. It does
// nothing while p still waits for replies, for its socket or for room.
func (p *publisher) resume(l *Loop) {
	switch {
	case p.blocked || p.replier.pending():
	case p.quit:
		p.close()
	default:
		if !p.queued {
			p.attach(l)
		}
		if p.broken {
			p.close()
		}
	}
}
