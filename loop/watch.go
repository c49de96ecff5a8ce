package loop

import (
	"net"
	"os"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// A watch reports when full sockets accept more bytes. gnet does not report that, so the watch
// registers each of these sockets once with its own epoll instance (EPOLLONESHOT). The loop does
// not try a socket again before its event, so a stalled subscriber costs one registration and no
// further work.
//
// An event carries the connection's number instead of its descriptor. The descriptor may have been
// closed and assigned to another connection before the loop reads the event.
//
// No goroutine waits for the events. Instead, the watch's epoll instance is registered with gnet's
// epoll instance, which is possible because an epoll descriptor is readable while it has events:
//
//	gnet's epoll ── watch's epoll (in the name of gnetEnd) ──┬── full socket
//	             ├─ other connections                        └── full socket
//
// gnet must believe that one of its connections is readable. So install removes gnetEnd, a
// connection of gnet, from gnet's epoll instance and registers the watch's epoll instance in its
// place. When there are events, gnet reads gnetEnd and calls traffic. For this, gnetEnd must always
// hold one byte to read.
type watch struct {
	epoll   int      // the watch's epoll instance
	ourEnd  int      // the other end of gnetEnd
	gnetEnd net.Conn // used until gnet has registered it
	events  []unix.EpollEvent
}

// watchBatch limits how many sockets the watch reports in one turn. The rest follow in the next
// turn.
const watchBatch = 512

func newWatch() (*watch, error) {
	ourEnd, gnetEnd, err := newGnetPair()
	if err != nil {
		return nil, err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		unix.Close(ourEnd)
		gnetEnd.Close()
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &watch{epoll: epoll, ourEnd: ourEnd, gnetEnd: gnetEnd, events: make([]unix.EpollEvent, watchBatch)}, nil
}

// install registers the watch's epoll instance in place of gnetEnd. fd is gnet's descriptor for
// gnetEnd.
func (w *watch) install(gnetEpoll, fd int) error {
	if err := unix.EpollCtl(gnetEpoll, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	w.rearm()
	event := unix.EpollEvent{Events: gnetReads, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(gnetEpoll, unix.EPOLL_CTL_ADD, w.epoll, &event))
}

// rearm writes the byte for gnet to read.
func (w *watch) rearm() {
	if n, errno := send(w.ourEnd, []byte{1}); n != 1 {
		panic(os.NewSyscallError("sendto", errno)) // it fails only because of a bug in this package
	}
}

// add watches a socket for one event, under a number. The kernel drops the registration when the
// socket is closed.
func (w *watch) add(fd int, number uint32) error {
	return w.control(unix.EPOLL_CTL_ADD, fd, number)
}

// again watches a socket that was added before for one more event.
func (w *watch) again(fd int, number uint32) error {
	return w.control(unix.EPOLL_CTL_MOD, fd, number)
}

func (w *watch) control(op, fd int, number uint32) error {
	// The kernel does not interpret Fd, and returns it with the event.
	event := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: int32(number)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.epoll, op, fd, &event))
}

// appendReady appends the numbers of sockets that became writable to dst, each once. If there are
// more than watchBatch, gnet calls traffic again.
func (w *watch) appendReady(dst []uint32) []uint32 {
	n, _ := unix.EpollWait(w.epoll, w.events, 0) // it fails only when it is interrupted
	for _, e := range w.events[:max(n, 0)] {
		dst = append(dst, uint32(e.Fd))
	}
	return dst
}

// traffic is called when sockets have become writable.
func (w *watch) traffic(l *Loop, _ []byte) gnet.Action {
	w.rearm()
	return l.onWake()
}

func (w *watch) expire(*Loop)        {}
func (w *watch) closed(*Loop, error) {}

// close releases all descriptors. The loop must have ended.
func (w *watch) close() {
	unix.Close(w.epoll)
	unix.Close(w.ourEnd)
	w.gnetEnd.Close()
}
