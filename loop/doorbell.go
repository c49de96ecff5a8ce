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
type doorbell struct {
	rung   atomic.Bool
	button *os.File // our end; a File, so that a late ring finds it closed and not a stranger's descriptor
	chime  net.Conn // gnet's end, until it is registered
}

func newDoorbell() (*doorbell, error) {
	button, chime, err := newChime()
	if err != nil {
		return nil, err
	}
	return &doorbell{button: os.NewFile(uintptr(button), "doorbell"), chime: chime}, nil
}

// newChime makes a connection that gnet can register, and our end of it.
func newChime() (button int, chime net.Conn, err error) {
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
func (d *doorbell) ring() {
	if d.rung.CompareAndSwap(false, true) {
		// It can only fail once the loop is gone, and then nobody is to wake.
		_, _ = d.button.Write([]byte{1})
	}
}

func (d *doorbell) close() {
	d.button.Close()
	d.chime.Close()
}

// traffic answers the bell. The flag falls first: what is put down from here on
// rings again.
func (d *doorbell) traffic(l *loop, _ []byte) gnet.Action {
	d.rung.Store(false)
	return l.answer()
}

func (d *doorbell) expire(*loop)        {}
func (d *doorbell) closed(*loop, error) {}
