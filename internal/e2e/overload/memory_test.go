package overload

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/internal/testtool"
)

// limits are what bounds a daemon's memory. Those that are 0 have their default.
type limits struct {
	conns             int // subscribers that there are at most
	streams           int // different subscription sets that are slow at most; 0: one, negative: none
	backlogBytes      int // --backlog
	backlogTotalBytes int // --backlog-total
	dataBytes         int // --data-max
	sendBufferBytes   int // --sndbuf
	historyBytes      int // --history-bytes, where a history is kept
	storeBytes        int // of a store: what is on its way there and back, its cache and the mailbox
}

// flags are the limits as the daemon takes them.
func (l limits) flags() (args []string) {
	for _, f := range []struct {
		name  string
		bytes int
	}{
		{"--backlog", l.backlogBytes}, {"--backlog-total", l.backlogTotalBytes},
		{"--data-max", l.dataBytes}, {"--sndbuf", l.sendBufferBytes}, {"--history-bytes", l.historyBytes},
	} {
		if f.bytes > 0 {
			args = append(args, fmt.Sprintf("%s=%d", f.name, f.bytes))
		}
	}
	return args
}

// The parts of the formula in docs/overload.md.
const (
	baseBytes  = 48 << 20 // a daemon that does nothing, and the garbage of a small heap
	emptyBytes = 25 << 20 // a daemon that does nothing takes 24, 17 of them pages of its program
	connBytes  = 2 << 10  // 560 to 1,900 were measured, by its age and what it does
	poolBytes  = 4 << 20  // segments kept for the next ones
	// halfEmpty: two segments that follow each other hold more than one is long,
	// or the second would not have been begun. So a stream's are at least half
	// full, but for one more.
	halfEmpty = 2
)

// rssMax is the formula in docs/overload.md: the most that a daemon may take. The
// publishers here are few and send whole messages. A small heap has no more garbage
// than what is in use, so that much of the base is not for it.
func (l limits) rssMax() int64 {
	streams := l.streams
	switch {
	case streams == 0:
		streams = 1
	case streams < 0:
		streams = 0
	}
	backlog := l.backlogBytes
	if backlog == 0 {
		backlog = ssed.DefaultBacklogBytes
	}
	total := l.backlogTotalBytes
	if total == 0 {
		total = ssed.DefaultBacklogTotalBytes
	}
	segments := min(total, (halfEmpty*backlog+stream.SegmentBytesMax)*streams)
	inUse := segments + poolBytes + l.historyBytes + l.storeBytes
	return int64(connBytes*l.conns + min(baseBytes+inUse+inUse/4, emptyBytes+2*inUse))
}

// highestMemory is the most that a process ever took of the machine, in bytes.
func highestMemory(pid int) (bytes int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscanf(after, "%d kB", &bytes)
	return bytes << 10, err
}

// wantMemory wants the most that a daemon ever took to be what its limits allow.
func (l limits) wantMemory(t *testing.T, pid int) {
	t.Helper()
	highest, err := highestMemory(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("RSS: at most %d MiB, %d MiB allowed", highest>>20, l.rssMax()>>20)
	if highest > l.rssMax() && !testtool.Race { // the race detector has its own ideas of memory
		t.Errorf("the daemon took %d MiB of memory, its limits allow %d", highest>>20, l.rssMax()>>20)
	}
}
