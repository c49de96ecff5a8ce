package loop

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/publish"
)

// Publishing is admitted in rounds: what may be appended before everybody was
// pumped is bounded. When that much is in, the loop stops reading publishers,
// their sockets fill, and they wait. That is the back-pressure: nothing is
// dropped, memory stays flat, and the loop still looks after its other sockets
// between two parts of a long pass.
//
// gnet cannot stop reading a connection, so a publisher that must wait is taken
// out of gnet's epoll instance and put back later. gnet keeps that descriptor to
// itself, but it can be found: it is the one in which a connection of gnet's can
// be modified.

// gnetReads are the events that gnet registers a connection for.
const gnetReads = unix.EPOLLIN | unix.EPOLLPRI

// publishers is what a loop has for publishers: those on it, which wait in a line when the
// round has no room, and the mailbox, for all others.
type publishers struct {
	session           *publish.Config // of every session
	waitingPublishers []*publisher
	replies           []byte // scratch, for one publisher's replies

	mailbox *mailbox
	records []byte // taken from the mailbox
	unread  []byte // the part of records that is not published yet
}

// findEpoll finds gnet's epoll instance by a connection that is registered in
// it. Modifying it to what it is already changes nothing there, and fails
// everywhere else.
func findEpoll(fd int) (epoll int, err error) {
	for candidate := range openfiles.Limit() {
		event := unix.EpollEvent{Events: gnetReads, Fd: int32(fd)}
		if unix.EpollCtl(candidate, unix.EPOLL_CTL_MOD, fd, &event) == nil {
			return candidate, nil
		}
	}
	return 0, errors.New("cannot find gnet's epoll descriptor, which is needed to pause publishers")
}

// mayPublish tells whether a publisher may be read now.
func (l *Loop) mayPublish() bool {
	return !l.sequencer.full() && l.makeRoom()
}

// makeRoom delivers what this turn may still deliver, if there is no room, and
// tells whether there is room then.
func (l *Loop) makeRoom() bool {
	if l.round.full() {
		l.pass()
	}
	return !l.round.full()
}

// admitWaiting lets in those who had to wait, in the order in which they came,
// until there is no more room. One of the line goes before the mailbox, which may
// never run empty, and the rest behind it.
func (l *Loop) admitWaiting() {
	l.admitPublishers(1)
	l.emptyMailbox()
	l.admitPublishers(len(l.waitingPublishers))
}

// admitPublishers lets in most of those who stand in line, as far as there is room.
func (l *Loop) admitPublishers(most int) {
	for ; most > 0 && len(l.waitingPublishers) > 0 && l.mayPublish(); most-- {
		p := l.waitingPublishers[0]
		l.waitingPublishers[0] = nil
		l.waitingPublishers = l.waitingPublishers[1:]
		if p.conn != nil { // it may be gone by now
			p.queued = false
			p.feedUnread(l)
		}
	}
}

// emptyMailbox publishes what is in the mailbox, as far as there is room: what is
// left from the last time, and what has come since. What comes meanwhile waits
// for the next time; the mailbox wakes the loop for it.
func (l *Loop) emptyMailbox() {
	for range 2 {
		if len(l.unread) == 0 {
			l.records = l.mailbox.swap(l.records)
			l.unread = l.records
		}
		for len(l.unread) > 0 {
			if !l.makeRoom() {
				return
			}
			var r record
			r, l.unread = nextRecord(l.unread)
			l.sequencer.receive(l, r)
		}
	}
}

// detach stops gnet from reading p.
func (p *publisher) detach(l *Loop) {
	if !p.detached {
		p.detached = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, p.fd(), nil) == nil
	}
}

// attach lets gnet read p again. What came meanwhile is reported at once.
func (p *publisher) attach(l *Loop) {
	if p.detached {
		event := unix.EpollEvent{Events: gnetReads, Fd: int32(p.fd())}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, p.fd(), &event); err != nil {
			l.log.Error("cannot resume reading a publisher; closing it", "err", err)
			p.broken = true
		}
		p.detached = false
	}
}
