package loop

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/subreq"
)

// A Handover is where connections go whose request is not for the loop: an admin
// page, say, that net/http serves. The loop reads their first request head, finds
// by its path that it is none of its business, and lets go of the connection.
type Handover struct {
	// Paths are whole segments from the beginning of a request's path: "/admin" is
	// for /admin and all below it, and "/" for that alone.
	Paths []string
	// ConnsMax is how many connections may be with Take at once; the next are
	// answered 503. Default: ssed.DefaultHandoverConnsMax.
	ConnsMax int
	// Take gets each of them, on a goroutine of its own. It has to close it. Nil: such
	// requests are answered 403.
	Take func(*HandedConn)
}

// A HandedConn is a connection that the loop has handed over. Reading it begins
// with what the loop had read already, so the first request is whole.
type HandedConn struct {
	net.Conn
	ForwardedAddr netip.Addr // the client's address in a PROXY line; not valid without one
	ProxyProtocol bool       // there was a PROXY line: the connection's peer is not the client
	read          []byte
	closed        sync.Once
	open          *atomic.Int32
}

// Read is that of net.Conn.
func (c *HandedConn) Read(b []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(b, c.read)
		c.read = c.read[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// Close is that of net.Conn. It may be called more than once.
func (c *HandedConn) Close() error {
	c.closed.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// has tells whether a path is one of the Handover's.
func (h *Handover) has(path []byte) bool {
	if h == nil {
		return false
	}
	for _, p := range h.Paths {
		if rest, ok := bytes.CutPrefix(path, []byte(p)); ok && (len(rest) == 0 || rest[0] == '/') {
			return true
		}
	}
	return false
}

// handOver gives a connection away, with everything that was read of it,
// by a second descriptor for its socket. gnet closes the first.
func (c *pendingConn) handOver(l *Loop, to subreq.Answer, read []byte) gnet.Action {
	h := l.opts.Handover
	if h.Take == nil {
		c.refuse(l, to, 403, "this path is disabled on this server")
		return gnet.None
	}
	if int(l.handed.Load()) >= h.ConnsMax {
		c.refuse(l, to, 503, "too many connections to this path are open, try again later")
		return gnet.None
	}
	fd, err := unix.FcntlInt(uintptr(c.fd()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		l.log.Error("cannot hand over a connection", "err", os.NewSyscallError("fcntl", err))
		return gnet.Close
	}
	l.handed.Add(1)
	handed := &HandedConn{ForwardedAddr: c.forwardedAddr, ProxyProtocol: c.proxied, read: bytes.Clone(read), open: &l.handed}
	go func() {
		file := os.NewFile(uintptr(fd), "handed over")
		conn, err := net.FileConn(file) // it has a descriptor of its own
		file.Close()
		handed.Conn = conn
		if err != nil {
			l.handed.Add(-1)
			l.log.Error("cannot hand over a connection", "err", err)
			return
		}
		h.Take(handed)
	}()
	return gnet.Close
}
