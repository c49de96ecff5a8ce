package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Confinement is a server that has only so much memory: a control group of its own where one can be
// made (that takes root), and else only its peak, which says whether it would have been enough.
type Confinement struct {
	p     *Process
	at    place // of the group, or nowhere
	early int64 // bytes that it had before, which the group does not count
}

// Confine bounds the memory of a server, by control groups of version 2 or 1. The kernel's socket
// buffers count: in version 2 by themselves, in version 1 in a sum of their own with the same
// bound. Nothing is swapped. An error means that a group was begun and could not be left again.
func (p *Process) Confine(bytes int64) (*Confinement, error) {
	early, err := p.RSS()
	if err != nil {
		return nil, err
	}
	for _, at := range places() {
		entered, err := at.enter(p.PID, bytes)
		if err != nil {
			return nil, fmt.Errorf("control group: %w", err)
		}
		if entered {
			return &Confinement{p, at, early}, nil
		}
	}
	return &Confinement{p: p}, nil
}

// Enforced says whether the kernel holds the server to its bound.
func (c *Confinement) Enforced() bool { return c.at.dir != "" }

// Peak returns the most memory that the server has had at a time, in bytes: of its group, and else
// its resident set.
func (c *Confinement) Peak() (int64, error) {
	if !c.Enforced() {
		return c.p.PeakRSS()
	}
	files := []string{"memory.max_usage_in_bytes", "memory.kmem.tcp.max_usage_in_bytes"}
	if c.at.v2 {
		files = []string{"memory.peak"}
	}
	sum := c.early
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(c.at.dir, file))
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		sum += n
	}
	return sum, nil
}

// Release ends the server, whose memory is bounded for life, and removes its group.
func (c *Confinement) Release() {
	c.p.Stop()
	if c.Enforced() {
		_ = c.at.remove(func() error { return nil }) // what is left is empty, and says whose it was
	}
}
