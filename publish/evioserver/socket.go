package evioserver

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/ssed/ssed/internal/listen"
)

// descriptorsNeeded returns how many descriptors evio opens when it starts, with some reserve: two
// for each listener, an epoll instance and an eventfd.
func descriptorsNeeded(listeners int) int { return 2*listeners + 8 }

// precautions checks the conditions that evio relies on without checking them.
func precautions(endpoints []listen.Endpoint) error {
	if len(endpoints) == 0 {
		return errors.New("no endpoint to listen on for publishers")
	}
	for _, e := range endpoints {
		// evio removes whatever is at the path of a unix socket, even a directory.
		if err := e.Check(); err != nil {
			return err
		}
	}
	if err := occupyZero(); err != nil {
		return err
	}
	return checkDescriptors(descriptorsNeeded(len(endpoints)))
}

// occupyZero ensures that no connection gets descriptor 0. evio uses this number for its own
// events, so it would never serve that connection.
func occupyZero() error {
	var stat syscall.Stat_t
	if err := syscall.Fstat(0, &stat); err != syscall.EBADF {
		return nil
	}
	fd, err := syscall.Open(os.DevNull, syscall.O_RDWR, 0)
	if err == nil && fd != 0 {
		return syscall.Close(fd) // descriptor 0 is in use again
	}
	return err
}

// checkDescriptors returns an error if the process cannot open n more descriptors. Without this
// check, evio would panic when it cannot create an epoll instance, and its clean-up would then
// hang.
func checkDescriptors(n int) error {
	for range n {
		fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
		if err != nil {
			return fmt.Errorf("cannot listen for publishers: %w", os.NewSyscallError("epoll_create1", err))
		}
		defer syscall.Close(fd)
	}
	return nil
}
