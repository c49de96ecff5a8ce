package loop

import (
	"net"
	"os"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// A doorbell wakes the loop from other goroutines. gnet has no such thing that
// may be used often (a flood of its asynchronous calls starves the loop), so it
// is one end of a socketpair that gnet reads, and at most one byte is on its
// way at any time, however many ring.
type wakeup struct {
	notified atomic.Bool
	ourEnd   *os.File // our end; a File, so that a late ring finds it closed and not a stranger's descriptor
	gnetEnd  net.Conn // gnet's end, until it is registered
}

func newWakeup() (*wakeup, error) {
	button, chime, err := newGnetPair()
	if err != nil {
		return nil, err
	}
	return &wakeup{ourEnd: os.NewFile(uintptr(button), "doorbell"), gnetEnd: chime}, nil
}

// newChime makes a connection that gnet can register, and our end of it.
func newGnetPair() (button int, chime net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socketpair", err)
	}
	far := os.NewFile(uintptr(fds[1]), "chime")
	defer far.Close()
	if chime, err = net.FileConn(far); err != nil {
		unix.Close(fds[0])
		return -1, nil, err
	}
	return fds[0], chime, nil
}

// ring makes the loop answer soon. Any goroutine may call it.
func (w *wakeup) notify() {
	if w.notified.CompareAndSwap(false, true) {
		// It can only fail once the loop is gone, and then nobody is to wake.
		_, _ = w.ourEnd.Write([]byte{1})
	}
}

func (w *wakeup) close() {
	w.ourEnd.Close()
	w.gnetEnd.Close()
}

// traffic answers the bell. The flag falls first: what is put down from here on
// rings again.
func (w *wakeup) traffic(l *loop, _ []byte) gnet.Action {
	w.notified.Store(false)
	return l.onWake()
}

func (w *wakeup) expire(*loop)        {}
func (w *wakeup) closed(*loop, error) {}
