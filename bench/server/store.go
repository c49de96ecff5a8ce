package server

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// storeTimeout is how long it may take until a server's store is reached: a cluster that was just
// made looks for leaders first.
const storeTimeout = 30 * time.Second

// WithStore returns the spec of an ssed that keeps its messages in a folder, as the daemon does by
// itself: OK means that the kernel has the message, and the disk gets it within a second.
func (s Spec) WithStore(folder string) Spec {
	s.stored = true
	return s.With("--store="+folder, "--store-sync=1s")
}

// OnDisk says whether what is written to a folder goes to a disk, and not only to memory.
func OnDisk(folder string) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(folder, &fs); err != nil {
		return false, fmt.Errorf("%s: %w", folder, err)
	}
	return fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.RAMFS_MAGIC, nil
}

// waitForStore waits until subscribers are taken. Before its store is reached ssed tells them to
// come back.
func (p *Process) waitForStore() error {
	deadline := time.Now().Add(storeTimeout)
	for {
		taken, err := p.takes()
		if taken || err != nil {
			return err
		}
		select {
		case <-p.gone:
			return fmt.Errorf("%s ended (%v): %s", p.name, p.why, p.Stderr())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s has not reached its store in %v: %s", p.name, storeTimeout, p.Stderr())
		}
	}
}

// takes asks for a stream, and says whether it stays open.
func (p *Process) takes() (bool, error) {
	const still = 100 * time.Millisecond // who is told to come back is told with the head, and then the stream ends
	conn, err := net.DialTimeout("tcp", p.Subscribe, time.Second)
	if err != nil {
		return false, nil // whether it has ended is looked at elsewhere
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /subscribe/ready HTTP/1.1\r\nHost: bench\r\n\r\n")); err != nil {
		return false, nil
	}
	var said []byte
	for buf := make([]byte, 4<<10); ; {
		headed := bytes.Contains(said, []byte("\r\n\r\n"))
		limit := startTimeout
		if headed {
			limit = still
		}
		conn.SetReadDeadline(time.Now().Add(limit))
		n, err := conn.Read(buf)
		said = append(said, buf[:n]...)
		switch {
		case bytes.Contains(said, []byte("retry:")):
			return false, nil
		case errors.Is(err, os.ErrDeadlineExceeded) && headed && bytes.HasPrefix(said, []byte("HTTP/1.1 200")):
			return true, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false, fmt.Errorf("%s answers a subscriber %.200q", p.name, said)
		case err != nil:
			return false, nil
		}
	}
}
