package loop

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A watch tells when sockets that were full can take more. gnet does not report
// that, so they are registered, for one event, with an epoll instance of our
// own; one goroutine waits on it and hands what became writable to the loop.
// A socket is not tried again meanwhile: a stalled subscriber costs one registration.
//
// An event carries the connection's number. The descriptor alone would not do:
// it may have been closed and given to a stranger by the time the loop looks.
type watch struct {
	epoll int
	stop  int // eventfd that ends the goroutine
	bell  *doorbell
	done  chan struct{}

	mu    sync.Mutex
	ready []uint32
}

func newWatch(bell *doorbell) (*watch, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	w := &watch{epoll: epoll, stop: stop, bell: bell, done: make(chan struct{})}
	if err := w.control(unix.EPOLL_CTL_ADD, stop, unix.EPOLLIN, 0); err != nil {
		unix.Close(epoll)
		unix.Close(stop)
		return nil, err
	}
	go w.run()
	return w, nil
}

// add watches a socket under a number, which is not 0, for one event. The
// kernel drops the registration when the socket is closed.
func (w *watch) add(fd int, number uint32) error {
	return w.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLOUT|unix.EPOLLONESHOT, number)
}

// again watches for one more event on a socket that was added before.
func (w *watch) again(fd int, number uint32) error {
	return w.control(unix.EPOLL_CTL_MOD, fd, unix.EPOLLOUT|unix.EPOLLONESHOT, number)
}

func (w *watch) control(op, fd int, events uint32, number uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(number)} // the kernel does not look into it
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.epoll, op, fd, &event))
}

// take returns the numbers of the sockets that became writable, in place of a
// buffer that the caller no longer needs.
func (w *watch) take(spare []uint32) []uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	ready := w.ready
	w.ready = spare[:0]
	return ready
}

func (w *watch) run() {
	defer close(w.done)
	events := make([]unix.EpollEvent, 512)
	for {
		n, err := unix.EpollWait(w.epoll, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			panic(os.NewSyscallError("epoll_wait", err)) // only a bug of ours can make it fail
		}
		w.mu.Lock()
		for _, e := range events[:n] {
			if e.Fd == 0 {
				w.mu.Unlock()
				return
			}
			w.ready = append(w.ready, uint32(e.Fd))
		}
		w.mu.Unlock()
		w.bell.ring()
	}
}

// close ends the goroutine. The loop must be gone.
func (w *watch) close() {
	_, _ = unix.Write(w.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-w.done
	unix.Close(w.epoll)
	unix.Close(w.stop)
}
