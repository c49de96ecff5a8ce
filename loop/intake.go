package loop

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/publish"
)

// This file applies back-pressure to publishers. Publishing proceeds in rounds: after about
// roundBytesMax, a pass must deliver the appended messages before the loop appends more. When a
// round is full, the loop stops reading publishers, so their sockets fill and they wait. Nothing is
// dropped, memory stays bounded, and the loop still serves its other sockets between two parts of a
// long pass.
//
//	        read ─► round has room ──────────────────────► feed: parse, append, reply
//	publisher ─┤                                              ▲
//	           └─► round or Store is full ─► enqueue ─► admitPublishers
//	                                         (gnet does not read the socket)
//
// gnet cannot pause a connection, so the loop removes a waiting publisher from gnet's epoll
// instance and adds it again later. gnet does not export the instance's descriptor, but findEpoll
// finds it: it is the only one in which a connection of gnet can be modified.

// gnetReads are the events for which gnet registers a connection.
const gnetReads = unix.EPOLLIN | unix.EPOLLPRI

// publishers holds a queue of publishers on the loop that wait for room, and the mailbox for all
// publishers elsewhere.
type publishers struct {
	session           *publish.Config // shared by all sessions
	waitingPublishers []*publisher    // in order of arrival; see enqueue
	replies           []byte          // scratch: one publisher's replies

	mailbox *mailbox
	records []byte // the buffer that was taken from the mailbox
	unread  []byte // the part of records that is not published yet
}

// findEpoll finds gnet's epoll descriptor with the help of a connection that is registered there.
// It tries every descriptor. Modifying the registration to its present value changes nothing in
// gnet's instance, and fails on every other descriptor.
func findEpoll(fd int) (epoll int, err error) {
	for candidate := range openfiles.Limit() {
		event := unix.EpollEvent{Events: gnetReads, Fd: int32(fd)}
		if unix.EpollCtl(candidate, unix.EPOLL_CTL_MOD, fd, &event) == nil {
			return candidate, nil
		}
	}
	return 0, errors.New("cannot find gnet's epoll descriptor, which is needed to pause publishers")
}

// mayPublish reports whether the loop may read a publisher now.
func (l *Loop) mayPublish() bool {
	return !l.sequencer.full() && l.makeRoom()
}

// makeRoom reports whether the round has room. If it is full, makeRoom first delivers as much as
// the budget of this turn still allows.
func (l *Loop) makeRoom() bool {
	if l.round.full() {
		l.pass()
	}
	return !l.round.full()
}

// admitWaiting publishes messages that had to wait, in order of arrival, until there is no more
// room. One waiting publisher goes before the mailbox, since the mailbox may never run empty. All
// other waiting publishers come after it.
func (l *Loop) admitWaiting() {
	l.admitPublishers(1)
	l.emptyMailbox()
	l.admitPublishers(len(l.waitingPublishers))
}

// admitPublishers resumes up to most waiting publishers while there is room.
func (l *Loop) admitPublishers(most int) {
	for ; most > 0 && len(l.waitingPublishers) > 0 && l.mayPublish(); most-- {
		p := l.waitingPublishers[0]
		l.waitingPublishers[0] = nil
		l.waitingPublishers = l.waitingPublishers[1:]
		if p.conn != nil { // its connection may have closed since
			p.queued = false
			p.feedUnread(l)
		}
	}
}

// emptyMailbox publishes the records of the mailbox while there is room: first the rest of the last
// buffer, and then the records that have arrived since. Later records wait for the next call; the
// mailbox wakes the loop for them.
func (l *Loop) emptyMailbox() {
	for range 2 {
		if len(l.unread) == 0 {
			l.records = l.mailbox.swap(l.records)
			l.unread = l.records
		}
		for len(l.unread) > 0 {
			if !l.makeRoom() {
				l.window.noteDelivered(l.number)
				return
			}
			var r record
			r, l.unread = nextRecord(l.unread)
			l.sequencer.receive(l, r)
		}
		l.window.noteDelivered(l.number)
	}
}

// detach stops gnet from reading p.
func (p *publisher) detach(l *Loop) {
	if !p.detached {
		p.detached = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, p.fd(), nil) == nil
	}
}

// attach lets gnet read p again. gnet reports data that arrived in between immediately.
func (p *publisher) attach(l *Loop) {
	if p.detached {
		event := unix.EpollEvent{Events: gnetReads, Fd: int32(p.fd())}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, p.fd(), &event); err != nil {
			l.log.Error("cannot resume reading a publisher; closing it",
				"client", nameOf(p.conn, netip.Addr{}), "err", err)
			p.broken = true
		}
		p.detached = false
	}
}
