package listen

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// acceptPause is how long a listener waits after a failed accept, usually because no descriptor is
// free.
const acceptPause = 100 * time.Millisecond

// UnixListeners accepts the connections of a server's unix sockets, with one goroutine per socket
// and one connection at a time. That is enough because local programs open hundreds of connections,
// not tens of thousands. The zero value is ready to use.
type UnixListeners struct {
	mu      sync.Mutex
	opened  []*unixListener
	closed  bool
	running sync.WaitGroup
}

// A unixListener is one unix socket.
type unixListener struct {
	*net.UnixListener
	endpoint        Endpoint
	sendBufferBytes int
}

// Open listens on a unix socket with SocketMode. Clients can connect from then on; Start accepts
// their connections. Call Endpoint.Check first: Open removes the socket at the path.
func (u *UnixListeners) Open(e Endpoint, sendBufferBytes int) error {
	if err := os.Remove(e.Address); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	restore := RestrictUmask()
	defer restore()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: e.Address, Net: "unix"})
	if err != nil {
		return err
	}
	if err := os.Chmod(e.Address, SocketMode); err != nil {
		listener.Close()
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.opened = append(u.opened, &unixListener{listener, e, sendBufferBytes})
	return nil
}

// Start accepts connections on every open socket, and passes each one to take. take must not return
// before the server has counted the connection. So at most one connection per socket is open but
// not counted. If take returns false, the server did not keep the connection: Start closes it and
// stops accepting on that socket. After Close, Start does nothing.
func (u *UnixListeners) Start(take func(*net.UnixConn) bool, log *slog.Logger) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return
	}
	for _, listener := range u.opened {
		u.running.Go(func() { listener.run(take, log) })
	}
}

// Close stops accepting, removes the sockets, and waits until take has returned for every accepted
// connection.
func (u *UnixListeners) Close() {
	u.mu.Lock()
	u.closed = true
	for _, listener := range u.opened {
		listener.Close()
	}
	u.mu.Unlock()
	u.running.Wait()
}

// run accepts until the listener is closed or take returns false.
func (l *unixListener) run(take func(*net.UnixConn) bool, log *slog.Logger) {
	for lastLine := (time.Time{}); ; {
		conn, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if time.Since(lastLine) > time.Second {
				lastLine = time.Now()
				log.Error("cannot accept on a unix socket; retrying", "address", l.endpoint.String(), "err", err)
			}
			time.Sleep(acceptPause)
			continue
		}
		_ = conn.SetWriteBuffer(l.sendBufferBytes)
		if !take(conn) {
			conn.Close()
			return
		}
	}
}
