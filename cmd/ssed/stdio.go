package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// survivePipes makes writes to a closed pipe fail with EPIPE. By default the Go runtime ends the
// process when a write to descriptor 1 or 2 returns EPIPE, even if SIGPIPE was ignored at exec.
// Other programs would inherit the ignored signal, but ssed does not start any.
func survivePipes() { signal.Ignore(syscall.SIGPIPE) }

// An output is the standard output of a command. It keeps the first write error, so that main can
// report it for every command.
type output struct {
	io.Writer
	failed atomic.Pointer[error]
}

// Write implements io.Writer. After an error it writes nothing more.
func (o *output) Write(p []byte) (n int, err error) {
	if err := o.failure(); err != nil {
		return 0, err
	}
	if n, err = o.Writer.Write(p); err != nil {
		err = fmt.Errorf("cannot write to standard output: %w", withoutPath(err))
		o.failed.Store(&err)
	}
	return n, err
}

// failure returns the first write error, or nil. It can be called while a Write is blocked.
func (o *output) failure() error {
	if err := o.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// A patientFile writes to a descriptor that may become non-blocking at any time, because another
// process that shares it can change that. Write waits until the descriptor is writable instead of
// failing.
type patientFile struct{ *os.File }

// Write implements io.Writer.
func (f patientFile) Write(p []byte) (n int, err error) {
	for {
		var wrote int
		wrote, err = f.File.Write(p[n:])
		n += wrote
		if !errors.Is(err, syscall.EAGAIN) {
			return n, err
		}
		if err := f.awaitRoom(); err != nil {
			return n, err
		}
	}
}

// awaitRoom waits until the descriptor is writable.
func (f patientFile) awaitRoom() error {
	var pollErr error
	err := withDescriptor(f.File, func(fd int) {
		for pollErr = unix.EINTR; pollErr == unix.EINTR; {
			_, pollErr = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		}
	})
	return errors.Join(err, pollErr)
}

// withDescriptor calls do with the descriptor of f. Unlike File.Fd it does not make the descriptor
// blocking, which would affect every process that shares it.
func withDescriptor(f *os.File, do func(fd int)) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Control(func(fd uintptr) { do(int(fd)) })
}

// withoutPath returns the error of the system call without the operation and the path, which are
// always those of standard output or standard error here.
func withoutPath(err error) error {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
