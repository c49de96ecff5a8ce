package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Check reports why a server cannot listen on the endpoint. It changes nothing. Call it before an
// event library listens: gnet and evio remove any file at a unix path, even a folder with its
// contents or the socket of a running daemon.
func (e Endpoint) Check() error {
	release, err := e.hold()
	if err == nil {
		release()
	}
	return err
}

// hold does the same as Check, and keeps a TCP address in use until release is called. Until then,
// any attempt to listen on the address, in any notation, gets an error.
func (e Endpoint) hold() (release func(), err error) {
	if e.Network == "unix" {
		if err := checkSocket(e.Address); err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", e, err)
		}
		return func() {}, nil
	}
	listener, err := net.Listen(e.Network, e.Address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", e, Reason(err))
	}
	return func() { listener.Close() }, nil
}

// checkSocket accepts a path in an existing folder if there is no file at the path, or a socket
// on which no program listens any more.
func checkSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return checkFolder(filepath.Dir(path))
	}
	if err != nil {
		return Reason(err)
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return errors.New("it is a folder: choose a path inside it")
	case mode&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link: use the path of the socket itself")
	case mode&fs.ModeSocket == 0:
		return errors.New("it is a file, not a socket: remove it or choose another path")
	}
	return checkStale(path)
}

func checkFolder(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s does not exist: create it first", folder)
	case err != nil:
		return Reason(err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", folder)
	}
	return nil
}

// checkStale connects to the socket. Only a refused connection proves that no program listens on
// it. A full backlog, a datagram socket or missing permissions do not.
func checkStale(path string) error {
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return errors.New("another program is listening on it: stop it or choose another path")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("the socket may be in use: %w", Reason(err))
}

// Reason returns the cause of a network error, without the layers that repeat the address.
func Reason(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return fmt.Errorf("no such host: %s", dns.Name)
	}
	return err
}
