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

// The terms of the formula in docs/overload.md.
const (
	// memoryBase is the memory of an idle daemon (24 MiB, of which 17 MiB are pages of the program)
	// and the overhead of the collector and the allocator.
	memoryBase = 48 << 20
	// memoryPerConn is the maximum for a subscriber, including its garbage, with one loop.
	memoryPerConn = 2 << 10
	// memoryPerConnLoop is a subscriber's place in the table of one more loop, because descriptors
	// are numbered for the whole process.
	memoryPerConnLoop = 8
	// segmentPoolBytes is the size of a loop's pool of segments for streams.
	segmentPoolBytes = 4 << 20
	// storeSendBytes is for the messages on their way to the store.
	storeSendBytes = 16 << 20
	// storePartsBytes is for the messages that a loop has read back from the store.
	storePartsBytes = 16 << 20
)

// A memoryLimit is the memory limit of the process's control group, in bytes.
type memoryLimit struct {
	bytes int   // 0: no limit
	err   error // why the limit is unknown
}

// readMemoryLimit reads the limit of the process's memory control group and its parents, in cgroup
// version 1 or 2.
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

// usable returns the part of the limit that the formula may use. The rest is for the kernel's
// socket buffers, which count against the same limit.
func (m memoryLimit) usable() int { return m.bytes - m.bytes/8 }

// goLimit returns the memory limit for Go's runtime: the limit without the kernel's share and the
// pages of the program.
func (m memoryLimit) goLimit() int { return max(m.bytes-max(m.bytes/8, 32<<20), m.bytes/2) }

// usesMailbox reports whether messages pass through the mailbox.
func (f *daemonFlags) usesMailbox() bool { return f.publishLoop() == ownLoop || f.hasStore() }

// memoryPerConn returns the maximum for a subscriber in bytes.
func (f *daemonFlags) memoryPerConn() int { return memoryPerConn + memoryPerConnLoop*(f.loops()-1) }

// keepsHistory reports whether messages are kept in memory.
func (f *daemonFlags) keepsHistory() bool {
	return f.History > 0 || len(f.HistoryFor) > 0 || f.hasStore()
}

// storeCacheBytes returns the size of the cache of the embedded store's server.
func (m memoryLimit) storeCacheBytes() int {
	if m.bytes == 0 {
		return store.DefaultCacheBytes
	}
	return min(store.DefaultCacheBytes, max(m.bytes/8, 8<<20))
}

// otherMemory returns the bytes in use that the flags allow in addition to backlog and history.
// With several loops, the history also keeps the messages that the slowest loop has yet to deliver,
// which are in its mailbox.
func (f *daemonFlags) otherMemory(m memoryLimit) int {
	loops := f.loops()
	bytes := segmentPoolBytes * loops
	if f.usesMailbox() {
		bytes += 2 * int(f.Mailbox) * loops
	}
	if f.hasStore() {
		bytes += storeSendBytes + storePartsBytes*loops
	}
	if loops > 1 && f.keepsHistory() {
		bytes += 2 * int(f.Mailbox)
	}
	if f.Store != "" {
		bytes += m.storeCacheBytes()
	}
	return bytes
}

// memoryMax returns the maximum resident memory of the daemon in bytes, by the formula in
// docs/overload.md.
func (f *daemonFlags) memoryMax(m memoryLimit) int {
	inUse := f.otherMemory(m) + int(f.BacklogTotal)
	if f.keepsHistory() {
		inUse += int(f.HistoryBytes)
	}
	return memoryBase + f.memoryPerConn()*f.MaxConns + inUse + inUse/4
}

// fitMemory lowers --backlog-total, --history-bytes, --mailbox and --backlog so that the daemon
// fits the limit. It only changes flags that have their default. The remaining memory is split into
// two parts for the backlog and one for the history, but each gets at least enough for one message.
// It returns the names of the changed flags.
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
		lower("mailbox", &f.Mailbox, max(m.bytes/64/f.loops(), 1<<20))
	}
	least := wholeMiB(sse.FrameBytesMax(int(f.DataMax)))
	room := (m.usable()-memoryBase-f.memoryPerConn()*f.MaxConns)*4/5 - f.otherMemory(m)
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

// wholeMiB rounds up to a multiple of 1 MiB.
func wholeMiB(bytes int) int { return (bytes + 1<<20 - 1) >> 20 << 20 }

// fitMemory makes the daemon's flags fit the memory limit, and records the limit as the origin of
// the changed values.
func (s *settings) fitMemory(f *daemonFlags) {
	s.memory = readMemoryLimit()
	isDefault := func(flag string) bool { return s.origins[flag] == (origin{}) }
	for _, flag := range f.fitMemory(s.memory, isDefault) {
		s.origins[flag] = origin{memory: byteSize(s.memory.bytes)}
	}
}

// limitMemory sets Go's memory limit from the control group's limit, unless the environment sets
// GOMEMLIMIT. It logs both limits.
func (f *daemonFlags) limitMemory(log *slog.Logger, m memoryLimit) {
	if m.bytes == 0 {
		return
	}
	goLimit := os.Getenv("GOMEMLIMIT")
	if goLimit == "" { // the runtime treats an empty GOMEMLIMIT as unset
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

// warnMemory warns if the flags allow more memory than the limit. The warning names the flags
// that are set. If none is set, the limit itself is too small.
func (s *settings) warnMemory(f *daemonFlags, log *slog.Logger) {
	if s.memory.err != nil {
		log.Warn("cannot read the memory limit; set GOMEMLIMIT if there is one", "err", s.memory.err)
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
	message := "memory limit is too small for the defaults"
	var named []any
	if len(flags) > 0 {
		message = "flags allow more memory than the memory limit"
		named = []any{"flags", strings.Join(flags, " ")}
	}
	log.Warn(message, append(named, "limit_mib", s.memory.bytes>>20, "allowed_mib", f.memoryMax(s.memory)>>20, "over_mib", wholeMiB(over)>>20)...)
}
