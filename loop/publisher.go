package loop

import (
	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/publish"
)

// A publisher is a connection that speaks the line protocol.
type publisher struct {
	client
	session *publish.Session
	unsent  []byte // replies that its socket did not take
	number  uint32 // its registration with the watch; 0: none yet
	waiting bool   // it stands in loop.blocked
	leaving bool   // it said QUIT
}

func (l *loop) admit(conn gnet.Conn) {
	p := &publisher{
		client:  client{conn: conn, openedSec: l.seconds()},
		session: publish.NewSession(l.session),
	}
	conn.SetContext(p)
	l.stats.Publishers++
}

// traffic feeds the session. Its replies are written by us and not by gnet,
// whose buffer has no bound and is thrown away when the peer stops sending,
// even if it still reads.
func (p *publisher) traffic(l *loop, in []byte) gnet.Action {
	if p.leaving {
		return gnet.None
	}
	l.replies, p.leaving = p.session.Feed(in, l, l.replies[:0])
	l.schedulePass()
	if len(l.replies) > 0 && !p.reply(l, l.replies) {
		return gnet.Close
	}
	if p.leaving && len(p.unsent) == 0 {
		return gnet.Close
	}
	return gnet.None
}

// reply sends replies after those that are still unsent, and keeps what the
// socket does not take. It tells whether the connection is any good.
func (p *publisher) reply(l *loop, replies []byte) bool {
	if p.waiting {
		p.unsent = append(p.unsent, replies...)
	} else {
		n, ok := sendAll(p.fd(), replies)
		if !ok {
			return false
		}
		if n < len(replies) {
			p.unsent = append(p.unsent[:0], replies[n:]...)
			return p.wait(l)
		}
	}
	if len(p.unsent) > l.opts.ReplyBytesMax {
		l.log.Warn("a publisher does not read its replies and is closed; what it was told OK for is published",
			"client", nameOf(p.conn, nil), "unread_bytes", len(p.unsent), "limit_bytes", l.opts.ReplyBytesMax)
		l.stats.PublishersClosed++
		p.unsent = nil
		return false
	}
	return true
}

func (p *publisher) wait(l *loop) bool {
	number, err := l.await(p, p.fd(), p.number, p.number != 0)
	if err != nil {
		l.log.Error("cannot watch a socket; its publisher is closed", "err", err)
		return false
	}
	p.number, p.waiting = number, true
	return true
}

// writable sends more of what is unsent.
func (p *publisher) writable(l *loop) {
	delete(l.blocked, p.number)
	p.waiting = false
	n, ok := sendAll(p.fd(), p.unsent)
	if !ok {
		p.unsent = nil
		p.close()
		return
	}
	p.unsent = p.unsent[n:]
	switch {
	case len(p.unsent) > 0:
		if !p.wait(l) {
			p.close()
		}
	case p.leaving:
		p.close()
	default:
		p.unsent = nil
	}
}

func (p *publisher) expire(*loop) {}

// closed is also what happens when the peer has ended its half of the
// connection (printf ... | nc), which gnet does not tell apart. It may still be
// reading, so the replies it has not got yet are sent by an orphan.
func (p *publisher) closed(l *loop, err error) {
	if p.waiting {
		delete(l.blocked, p.number)
	}
	if len(p.unsent) > 0 && err != nil && l.stop.Load() == stopNot {
		l.orphan(p.conn, p.unsent)
	}
	l.stats.Publishers--
	l.forget(&p.client)
}

// sendAll sends until all is gone or the socket is full, and returns how much
// was taken; ok is false if the connection is broken.
func sendAll(fd int, b []byte) (n int, ok bool) {
	for n < len(b) {
		sent, errno := send(fd, b[n:])
		n += sent
		switch errno {
		case 0, unix.EINTR:
		case unix.EAGAIN:
			return n, true
		default:
			return n, false
		}
	}
	return n, true
}
