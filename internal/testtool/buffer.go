package testtool

import (
	"strings"
	"sync"
)

// A LockedBuffer can be read while somebody writes to it: a process, or a log.
type LockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends p. It never fails.
func (b *LockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String is what was written so far.
func (b *LockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
