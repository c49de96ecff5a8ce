package main

import (
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/store"
)

// The parts of the formula in docs/overload.md.
const (
	// memoryBase is a daemon that does nothing (25 MiB, 17 of them pages of its program),
	// and what the collector and the allocator hold above what is in use.
	memoryBase = 48 << 20
	// memoryPerConn is what a subscriber takes at most, its garbage included.
	memoryPerConn = 2 << 10
	// segmentPoolBytes are kept for the next segments of streams.
	segmentPoolBytes = 4 << 20
	// storeBufferBytes wait for the store, and as many were read back from it.
	storeBufferBytes = 32 << 20
)

// A memoryLimit is what the control group of the process allows, in bytes.
type memoryLimit struct {
	bytes int   // 0: no limit
	err   error // why it is not known
}

// readMemoryLimit reads the limit of the process's memory control group and of those
// above it, of version 1 or 2.
func readMemoryLimit() memoryLimit {
	bytes, err := memlimit.FromCgroup()
	switch {
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, os.ErrNotExist):
		return memoryLimit{}
	case err != nil:
		return memoryLimit{err: err}
	}
	return memoryLimit{bytes: int(min(bytes, 1<<62))}
}

// usable is how much the daemon may take by the formula. The rest is for the kernel's
// socket buffers, which count against the same limit.
func (m memoryLimit) usable() int { return m.bytes - m.bytes/8 }

// goLimit is what Go's runtime may take: the limit without the kernel's share and
// without the pages of the program.
func (m memoryLimit) goLimit() int { return max(m.bytes-max(m.bytes/8, 32<<20), m.bytes/2) }

// usesMailbox reports whether messages pass through the mailbox.
func (f *daemonFlags) usesMailbox() bool { return f.PublishLoop == ownLoop || f.wanted() }

// keepsHistory reports whether messages are kept in memory.
func (f *daemonFlags) keepsHistory() bool {
	return f.History > 0 || len(f.HistoryFor) > 0 || f.wanted()
}

// storeCacheBytes bounds the cache of the store's server.
func (m memoryLimit) storeCacheBytes() int {
	if m.bytes == 0 {
		return store.DefaultCacheBytes
	}
	return min(store.DefaultCacheBytes, max(m.bytes/8, 8<<20))
}

// memoryBesides is what the flags allow besides backlog and history, in bytes in use.
func (f *daemonFlags) memoryBesides(m memoryLimit) int {
	bytes := segmentPoolBytes
	if f.usesMailbox() {
		bytes += 2 * int(f.Mailbox)
	}
	if f.wanted() {
		bytes += storeBufferBytes
	}
	if f.Store != "" {
		bytes += m.storeCacheBytes()
	}
	return bytes
}

// memoryMax is the formula in docs/overload.md: the most that the daemon takes.
func (f *daemonFlags) memoryMax(m memoryLimit) int {
	inUse := f.memoryBesides(m) + int(f.BacklogTotal)
	if f.keepsHistory() {
		inUse += int(f.HistoryBytes)
	}
	return memoryBase + memoryPerConn*f.MaxConns + inUse + inUse/4
}

// fitMemory lowers --backlog-total, --history-bytes, --mailbox and --backlog, where they
// have their defaults, so that the daemon fits the limit. Backlog and history get what
// is left, two parts and one, but room for one message each in any case. It returns the
// flags that it changed.
func (f *daemonFlags) fitMemory(m memoryLimit, isDefault func(flag string) bool) (changed []string) {
	if m.bytes == 0 {
		return nil
	}
	lower := func(flag string, size *byteSize, bytes int) {
		bytes = bytes >> 20 << 20
		if isDefault(flag) && bytes < int(*size) {
			*size = byteSize(bytes)
			changed = append(changed, flag)
		}
	}
	if f.usesMailbox() {
		lower("mailbox", &f.Mailbox, max(m.bytes/64, 1<<20))
	}
	least := wholeMiB(sse.FrameBytesMax(int(f.DataMax)))
	room := (m.usable()-memoryBase-memoryPerConn*f.MaxConns)*4/5 - f.memoryBesides(m)
	backlog, history := room, room
	switch {
	case !f.keepsHistory():
	case !isDefault("history-bytes"):
		backlog -= int(f.HistoryBytes)
	case !isDefault("backlog-total"):
		history -= int(f.BacklogTotal)
	default:
		history = max(room/3>>20<<20, least)
		backlog -= min(history, int(f.HistoryBytes))
	}
	if !isDefault("backlog") {
		backlog = max(backlog, wholeMiB(int(f.Backlog)))
	}
	lower("backlog-total", &f.BacklogTotal, max(backlog, least))
	if slices.Contains(changed, "backlog-total") {
		lower("backlog", &f.Backlog, int(f.BacklogTotal))
	}
	if f.keepsHistory() {
		lower("history-bytes", &f.HistoryBytes, max(history, least))
	}
	return changed
}

// wholeMiB rounds up.
func wholeMiB(bytes int) int { return (bytes + 1<<20 - 1) >> 20 << 20 }

// fitMemory has the daemon's flags fit the memory limit, and notes where they come from.
func (s *settings) fitMemory(f *daemonFlags) {
	s.memory = readMemoryLimit()
	isDefault := func(flag string) bool { return s.origins[flag] == (origin{}) }
	for _, flag := range f.fitMemory(s.memory, isDefault) {
		s.origins[flag] = origin{memory: byteSize(s.memory.bytes)}
	}
}

// limitMemory sets Go's memory limit by that of the control group, unless GOMEMLIMIT
// says it, and logs both.
func (f *daemonFlags) limitMemory(log *slog.Logger, m memoryLimit) {
	if m.bytes == 0 {
		return
	}
	goLimit := os.Getenv("GOMEMLIMIT")
	if goLimit == "" { // the runtime takes an empty one for none
		debug.SetMemoryLimit(int64(m.goLimit()))
		goLimit = byteSize(m.goLimit()).String()
	}
	inForce := []any{"limit", byteSize(m.bytes).String(), "gomemlimit", goLimit,
		"backlog", f.Backlog.String(), "backlog_total", f.BacklogTotal.String()}
	if f.keepsHistory() {
		inForce = append(inForce, "history_bytes", f.HistoryBytes.String())
	}
	if f.usesMailbox() {
		inForce = append(inForce, "mailbox", f.Mailbox.String())
	}
	log.Info("memory limit found", inForce...)
}

// warnOfMemory warns if the flags allow more memory than there is, and names those that
// somebody has set. If nobody has set one, the limit itself is the fault.
func (s *settings) warnOfMemory(f *daemonFlags, log *slog.Logger) {
	if s.memory.err != nil {
		log.Warn("the memory limit cannot be read; set GOMEMLIMIT if there is one", "err", s.memory.err)
		return
	}
	over := f.memoryMax(s.memory) - s.memory.usable()
	if s.memory.bytes == 0 || over <= 0 {
		return
	}
	counts := map[string]bool{
		"backlog-total": true, "max-conns": f.MaxConns > 0,
		"history-bytes": f.keepsHistory(), "mailbox": f.usesMailbox(),
	}
	var flags []string
	for _, flag := range []string{"backlog", "backlog-total", "history-bytes", "mailbox", "max-conns"} {
		if from := s.origins[flag]; counts[flag] && from != (origin{}) && from.memory == 0 {
			flags = append(flags, "--"+flag)
		}
	}
	said := "the memory limit is too small even for the smallest defaults; raise the limit"
	var named []any
	if len(flags) > 0 {
		said = "the flags allow more memory than the memory limit has room for; lower them or raise the limit"
		named = []any{"flags", strings.Join(flags, " ")}
	}
	log.Warn(said, append(named, "limit", byteSize(s.memory.bytes).String(), "allowed_mib", f.memoryMax(s.memory)>>20, "over_mib", wholeMiB(over)>>20)...)
}
