package evioserver

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/ssed/ssed/internal/listen"
)

// descriptorsNeeded is what evio opens at its start, with room to spare: two for
// each listener, an epoll instance and an eventfd.
func descriptorsNeeded(listeners int) int { return 2*listeners + 8 }

// precautions makes sure of what evio takes for granted.
func precautions(endpoints []listen.Endpoint) error {
	if len(endpoints) == 0 {
		return errors.New("no endpoint to listen on for publishers")
	}
	for _, e := range endpoints {
		// evio removes what a unix path names, be it a folder.
		if err := e.Check(); err != nil {
			return err
		}
	}
	if err := occupyZero(); err != nil {
		return err
	}
	return checkDescriptors(descriptorsNeeded(len(endpoints)))
}

// occupyZero sees to it that no connection gets descriptor 0: evio takes an event
// on it for a note to itself, and such a connection would never be served.
func occupyZero() error {
	var stat syscall.Stat_t
	if err := syscall.Fstat(0, &stat); err != syscall.EBADF {
		return nil
	}
	fd, err := syscall.Open(os.DevNull, syscall.O_RDWR, 0)
	if err == nil && fd != 0 {
		return syscall.Close(fd) // somebody else has 0 by now
	}
	return err
}

// checkDescriptors tells whether n descriptors can be had. evio panics if it gets
// no epoll instance, and its clean-up then hangs.
func checkDescriptors(n int) error {
	for range n {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return fmt.Errorf("cannot listen for publishers: %w", err)
		}
		defer file.Close()
	}
	return nil
}
