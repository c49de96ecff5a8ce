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

// storeTimeout limits the time until a server reaches its store. A new cluster elects its leaders
// first.
const storeTimeout = 30 * time.Second

// WithStore returns the spec of an ssed that keeps its messages in a folder, with the default sync
// policy. OK means that the kernel has the message. It is on the disk within a second.
func (s Spec) WithStore(folder string) Spec {
	s.stored = true
	return s.With("--store="+folder, "--store-sync=1s")
}

// OnDisk reports whether the files of a folder are on a disk, and not only in memory.
func OnDisk(folder string) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(folder, &fs); err != nil {
		return false, fmt.Errorf("%s: %w", folder, err)
	}
	return fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.RAMFS_MAGIC, nil
}

// waitForStore waits until the server accepts subscribers. Until it has reached its store, ssed
// asks them to retry later.
func (p *Process) waitForStore() error {
	deadline := time.Now().Add(storeTimeout)
	for {
		taken, err := p.acceptsSubscribers()
		if taken || err != nil {
			return err
		}
		select {
		case <-p.gone:
			return fmt.Errorf("%s exited (%v): %s", p.name, p.why, p.Stderr())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s has not reached its store after %v: %s", p.name, storeTimeout, p.Stderr())
		}
	}
}

// acceptsSubscribers requests a stream and reports whether it stays open.
func (p *Process) acceptsSubscribers() (bool, error) {
	const still = 100 * time.Millisecond // a server that asks to retry later does so with the head, and then closes the stream
	conn, err := net.DialTimeout("tcp", p.Subscribe, time.Second)
	if err != nil {
		return false, nil // the caller checks whether the server has exited
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
			return false, fmt.Errorf("%s: unexpected answer to a subscriber: %.200q", p.name, said)
		case err != nil:
			return false, nil
		}
	}
}
