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

// A Handover receives the connections with a first request for a path that the loop does not serve,
// such as the admin pages, which net/http serves. The loop reads the request head, finds the path
// in Paths, and gives the connection away. It does not touch the connection again.
type Handover struct {
	// Paths are whole segments at the start of a request's path: "/admin" matches /admin and
	// everything below it. "/" matches only "/".
	Paths []string
	// ConnsMax limits how many connections may be open with Take, for all event loops together.
	// Further requests are answered with 503. Default: ssed.DefaultHandoverConnsMax.
	ConnsMax int
	// Take receives each connection on a new goroutine, and must close it. If Take is nil, requests
	// are answered with 403.
	Take func(*HandedConn)
}

// A HandedConn is a connection that the loop has handed over. Reading it starts with the bytes that
// the loop had already read, so the first request is complete.
type HandedConn struct {
	net.Conn
	ForwardedAddr netip.Addr // the client's address from a PROXY header; not valid without one
	ProxyProtocol bool       // there was a PROXY header: the connection's peer is not the client
	read          []byte
	closed        sync.Once
	open          *atomic.Int64
}

// Read implements net.Conn.
func (c *HandedConn) Read(b []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(b, c.read)
		c.read = c.read[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// Close implements net.Conn. It may be called more than once.
func (c *HandedConn) Close() error {
	c.closed.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// has reports whether a request for path is handed over.
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

// handOver gives a connection away, together with everything that was read from it. The new owner
// gets a second descriptor for the socket, because gnet closes the first one.
func (c *pendingConn) handOver(l *Loop, to subreq.Answer, read []byte) gnet.Action {
	h := l.opts.Handover
	if h.Take == nil {
		c.refuse(l, to, 403, "this path is disabled on this server")
		return gnet.None
	}
	if !takeOne(&l.shared.handed, h.ConnsMax) {
		c.refuse(l, to, 503, "too many connections to this path are open, try again later")
		return gnet.None
	}
	client := nameOf(c.conn, c.forwardedAddr)
	fd, err := unix.FcntlInt(uintptr(c.fd()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		l.shared.handed.Add(-1)
		l.log.Error("cannot hand over a connection", "client", client, "err", os.NewSyscallError("fcntl", err))
		return gnet.Close
	}
	handed := &HandedConn{ForwardedAddr: c.forwardedAddr, ProxyProtocol: c.proxied, read: bytes.Clone(read), open: &l.shared.handed}
	go func() {
		file := os.NewFile(uintptr(fd), "handed over")
		conn, err := net.FileConn(file) // conn has its own descriptor
		file.Close()
		handed.Conn = conn
		if err != nil {
			l.shared.handed.Add(-1)
			l.log.Error("cannot hand over a connection", "client", client, "err", err)
			return
		}
		h.Take(handed)
	}()
	return gnet.Close
}
