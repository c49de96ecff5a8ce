package loop

import (
	"bytes"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/publish"
)

// keepAliveIdle is how long a publisher may be silent before TCP asks whether it
// is still there.
const keepAliveIdle = time.Minute

// A publisher is a connection that speaks the line protocol. While its socket does
// not take its replies it is not read: what it sends waits in its own socket, so
// one that never reads its replies stops itself. This also keeps its end from
// being noticed before it has all of them (printf ... | nc): gnet closes a
// connection whose peer has stopped sending, even if that one still reads.
type publisher struct {
	client
	session  *publish.Session
	replier  replier
	unread   []byte // what it sent and may not come in yet
	unsent   []byte // replies that its socket did not take
	number   uint32 // its registration with the watch; 0: none yet
	blocked  bool   // it stands in backlog.blocked, for its replies
	queued   bool   // it stands in the intake's line
	detached bool   // gnet does not read it at the moment
	quit     bool   // it said QUIT
	broken   bool   // it cannot be read any more
}

// A replier takes the messages of one publisher, and holds back replies until they are due.
type replier interface {
	publish.Sink
	// take takes the replies that the session has made, and returns those that may be
	// sent now, in memory that is good until the next call. made is the replier's.
	take(session *publish.Session, made []byte) []byte
	// pending reports whether replies are held back.
	pending() bool
}

// directReplier is the replier of a publisher whose messages the loop publishes at once.
type directReplier struct{ *Loop }

func (directReplier) take(_ *publish.Session, made []byte) []byte { return made }
func (directReplier) pending() bool                               { return false }

// addPublisher starts a session of the line protocol on a new connection.
func addPublisher(l *Loop, conn gnet.Conn) {
	p := &publisher{
		client:  client{conn: conn, openedSec: l.seconds()},
		session: publish.NewSession(l.session),
	}
	p.replier = l.sequencer.replierFor(l, p)
	conn.SetContext(p)
	l.stats.Publishers++
	// A peer that vanished without a word would keep its place for ever. It means
	// nothing to a unix socket, and is no reason to send a publisher away.
	_ = conn.SetKeepAlive(true, keepAliveIdle, keepAliveIdle/4, 4)
}

// ping is asked to learn whether we are alive.
var ping = []byte("PING\n")

// traffic takes what a publisher sent, if there is room for it now. A PING needs
// none, so it does not wait behind what others publish.
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

// enqueue makes p wait for room.
func (p *publisher) enqueue(l *Loop) {
	p.detach(l)
	if !p.queued {
		p.queued = true
		l.waitingPublishers = append(l.waitingPublishers, p)
	}
	l.schedulePass()
}

// feedUnread lets p's turn come: what it sent before, and then its socket.
func (p *publisher) feedUnread(l *Loop) {
	in := p.unread
	p.unread = nil
	if !p.feed(l, in) {
		p.close()
	}
}

// feed feeds the session and sends its replies. It tells whether the connection
// goes on. The replies are written by us and not by gnet, whose buffer has no
// bound.
func (p *publisher) feed(l *Loop, in []byte) (goesOn bool) {
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

// reply sends replies after those that are still unsent, and keeps what the
// socket does not take. It tells whether the connection is any good.
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

// block waits for p's socket to take more of its replies, but not for ever.
func (p *publisher) block(l *Loop) bool {
	number, err := l.await(p, p.fd(), p.number, p.number != 0)
	if err != nil {
		l.log.Error("cannot watch a socket; closing its publisher", "err", err)
		return false
	}
	p.number, p.blocked = number, true
	l.wheel.set(&p.client, ticks(l.opts.ReplyTimeout))
	return true
}

// writable sends more of what is unsent.
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

// expire closes a publisher whose replies lie unread for too long.
func (p *publisher) expire(l *Loop) {
	l.eventLog.unreadReplies(p, l)
	l.stats.PublishersClosed++
	p.unsent = nil
	p.close()
}

func (p *publisher) closed(l *Loop, _ error) {
	if p.blocked {
		delete(l.blocked, p.number)
	}
	l.stats.Publishers--
	p.client.detach(l)
}

// sendReady sends the replies that are due since acks have come.
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

// resume reads p again, or ends its conversation, unless it still waits for replies or for
// room.
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
