package loop

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/publish"
)

// A unixDoor accepts the connections of one unix socket and hands them to the
// loop. gnet could listen on unix sockets itself, but it removes whatever stands
// at the path, and with one among its listeners it accepts on a goroutine of its
// own, without any bound, until descriptors run out and the engine ends. Local
// programs come in hundreds, not in tens of thousands, so one at a time will do.
type unixDoor struct {
	endpoint        publish.Endpoint
	role            role
	sendBufferBytes int
	listener        *net.UnixListener
}

// acceptPause is how long a door waits when descriptors have run out.
const acceptPause = 100 * time.Millisecond

// openUnixDoor listens. The endpoint was checked: what stands at its path, if
// anything, is a socket that nobody listens on.
func openUnixDoor(e publish.Endpoint, as role, sendBufferBytes int) (*unixDoor, error) {
	if err := os.Remove(e.Address); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	restore := publish.RestrictUmask()
	defer restore()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: e.Address, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(e.Address, publish.SocketMode); err != nil {
		listener.Close()
		return nil, err
	}
	return &unixDoor{e, as, sendBufferBytes, listener}, nil
}

// run accepts until the door is closed. The loop takes one connection before the
// next is accepted, so no more are open than it knows of, and one.
// It ends with the door, or with the server.
func (d *unixDoor) run(engine gnet.EventLoop, log *slog.Logger, ended <-chan struct{}) {
	for lastLine := (time.Time{}); ; {
		conn, err := d.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if time.Since(lastLine) > time.Second {
				lastLine = time.Now()
				log.Error("cannot accept on a unix socket, and tries again", "address", d.endpoint.String(), "err", err)
			}
			time.Sleep(acceptPause)
			continue
		}
		_ = conn.SetWriteBuffer(d.sendBufferBytes)
		taken, err := engine.Enroll(gnet.NewContext(context.Background(), d.role), conn)
		if err != nil {
			conn.Close() // the engine is ending
			return
		}
		select {
		case <-taken:
		case <-ended: // the engine died, and may never take it
			conn.Close()
			return
		}
	}
}

// close ends run, and removes the socket.
func (d *unixDoor) close() { d.listener.Close() }
