package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Confinement is a server with limited memory. It has its own control group if one can be created,
// which requires root. Otherwise only its peak is measured, which shows whether the limit would
// have been enough.
type Confinement struct {
	p     *Process
	at    place // the place of the group, or empty without a group
	early int64 // bytes that the server had before, which the group does not count
}

// Confine limits the memory of a server, by control groups of version 2 or 1. The limit includes
// the kernel's socket buffers: version 2 counts them with the memory, and version 1 counts them
// separately with the same limit. Nothing is swapped. An error means that a group was created but
// could not be removed.
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

// Enforced reports whether the kernel enforces the limit.
func (c *Confinement) Enforced() bool { return c.at.dir != "" }

// Peak returns the server's peak memory in bytes: the peak of its group, or of its resident set
// without a group.
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

// Release stops the server, because its limit cannot be lifted, and removes its group.
func (c *Confinement) Release() {
	c.p.Stop()
	if c.Enforced() {
		_ = c.at.remove(func() error { return nil }) // a group that remains is empty, and its name shows its owner
	}
}
