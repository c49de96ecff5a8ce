package loop

import (
	"net"
	"os"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// A watch reports when sockets that were full can take more. gnet does not report
// that, so they are registered, for one event, with an epoll instance of our own.
// A socket is not tried again meanwhile: a stalled subscriber costs one registration.
//
// An event carries the connection's number. The descriptor alone would not do:
// it may have been closed and given to a stranger by the time the loop looks.
//
// No goroutine waits for the events. An epoll instance can be watched by another
// one, so ours is registered with gnet's, in the name of a connection of gnet's that
// is watched no more itself. gnet believes that this one can be read, and reads it;
// therefore it always holds one byte.
type watch struct {
	epoll   int
	ourEnd  int      // our end of the connection
	gnetEnd net.Conn // gnet's end, until it is registered
	events  []unix.EpollEvent
}

// watchBatch limits how many sockets the watch reports at once. The rest follow in the
// next turn.
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

// install puts the watch's epoll instance in the place of gnetEnd, which gnet knows by
// fd.
func (w *watch) install(gnetEpoll, fd int) error {
	if err := unix.EpollCtl(gnetEpoll, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	w.rearm()
	event := unix.EpollEvent{Events: gnetReads, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(gnetEpoll, unix.EPOLL_CTL_ADD, w.epoll, &event))
}

// rearm writes the byte that gnet is to read.
func (w *watch) rearm() {
	if n, errno := send(w.ourEnd, []byte{1}); n != 1 {
		panic(os.NewSyscallError("sendto", errno)) // only a bug of ours can make it fail
	}
}

// add watches a socket under a number for one event. The kernel drops the
// registration when the socket is closed.
func (w *watch) add(fd int, number uint32) error {
	return w.control(unix.EPOLL_CTL_ADD, fd, number)
}

// again watches for one more event on a socket that was added before.
func (w *watch) again(fd int, number uint32) error {
	return w.control(unix.EPOLL_CTL_MOD, fd, number)
}

func (w *watch) control(op, fd int, number uint32) error {
	event := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: int32(number)} // the kernel does not look into it
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.epoll, op, fd, &event))
}

// appendReady appends the numbers of sockets that became writable, each once. If there
// are more, traffic is called again.
func (w *watch) appendReady(dst []uint32) []uint32 {
	n, _ := unix.EpollWait(w.epoll, w.events, 0) // it fails only when interrupted
	for _, e := range w.events[:max(n, 0)] {
		dst = append(dst, uint32(e.Fd))
	}
	return dst
}

// traffic is called when sockets became writable.
func (w *watch) traffic(l *Loop, _ []byte) gnet.Action {
	w.rearm()
	return l.onWake()
}

func (w *watch) expire(*Loop)        {}
func (w *watch) closed(*Loop, error) {}

// close gives everything back. The loop must be gone.
func (w *watch) close() {
	unix.Close(w.epoll)
	unix.Close(w.ourEnd)
	w.gnetEnd.Close()
}
