package loop

import (
	"net"
	"os"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// A wakeup wakes the loop from other goroutines. gnet has no way to do this that may be used often:
// a flood of its asynchronous calls starves the loop. Instead, gnet reads one end of a socketpair.
// At most one byte is in flight at any time, however many goroutines notify.
//
//	notify ─► notified: false→true ─► 1 byte ─► socketpair ─► traffic ─► notified=false ─► onWake
//	notify ─► notified: already true (the byte in flight covers this call)
type wakeup struct {
	notified atomic.Bool
	ourEnd   *os.File // a File, so that a late notify fails and never writes to a reused descriptor
	gnetEnd  net.Conn // used until gnet has registered it
}

func newWakeup() (*wakeup, error) {
	ourEnd, gnetEnd, err := newGnetPair()
	if err != nil {
		return nil, err
	}
	return &wakeup{ourEnd: os.NewFile(uintptr(ourEnd), "wakeup"), gnetEnd: gnetEnd}, nil
}

// newGnetPair makes a connection that gnet can register, and returns our end of it too.
func newGnetPair() (ourEnd int, gnetEnd net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socketpair", err)
	}
	far := os.NewFile(uintptr(fds[1]), "gnet's end")
	defer far.Close()
	if gnetEnd, err = net.FileConn(far); err != nil {
		unix.Close(fds[0])
		return -1, nil, err
	}
	return fds[0], gnetEnd, nil
}

// notify makes the loop run onWake soon. Any goroutine may call it. Add the work first and notify
// afterwards: onWake then sees the work.
func (w *wakeup) notify() {
	if w.notified.CompareAndSwap(false, true) {
		// The write fails only after the loop has ended, and then there is nothing to wake.
		_, _ = w.ourEnd.Write([]byte{1})
	}
}

func (w *wakeup) close() {
	w.ourEnd.Close()
	w.gnetEnd.Close()
}

// traffic runs onWake. It clears the flag before that: work that is added after onWake has checked
// its queue notifies again, and is handled in another turn.
func (w *wakeup) traffic(l *Loop, _ []byte) gnet.Action {
	w.notified.Store(false)
	return l.onWake()
}

func (w *wakeup) expire(*Loop)        {}
func (w *wakeup) closed(*Loop, error) {}
