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

// limits are the limits that determine a daemon's memory. A limit of 0 has its default.
type limits struct {
	conns             int // the most subscribers at a time
	streams           int // the most subscription sets with slow subscribers; 0: one, negative: none
	backlogBytes      int // --backlog
	backlogTotalBytes int // --backlog-total
	dataBytes         int // --data-max
	sendBufferBytes   int // --sndbuf
	historyBytes      int // --history-bytes, with a history
	storeBytes        int // of a store: messages in flight to it and back, its cache and the mailbox
}

// flags returns the limits as flags of the daemon.
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
	baseBytes  = 48 << 20 // an idle daemon, and the garbage of a small heap
	emptyBytes = 25 << 20 // an idle daemon uses 24 MiB, 17 of them pages of its program
	connBytes  = 2 << 10  // 560 to 1,900 bytes were measured, depending on a connection's age and traffic
	poolBytes  = 4 << 20  // free segments that each event loop keeps for reuse
	// halfEmpty: two consecutive segments hold more bytes than one segment has room for, or the
	// second would not have been started. So the segments of a stream are at least half full,
	// except for the last one.
	halfEmpty = 2
)

// rssMax returns the most memory that a daemon may use, by the formula in docs/overload.md. The
// publishers of these tests are few and send complete messages. A small heap has at most as much
// garbage as data in use, so the base then includes less garbage.
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
	loops := testtool.Loops() // each one has its own streams and its own mailbox
	segments := min(total, (halfEmpty*backlog+stream.SegmentBytesMax)*streams*loops)
	inUse := segments + poolBytes*loops + l.historyBytes + l.storeBytes
	if testtool.SeveralLoops() {
		inUse += 2 * ssed.DefaultMailboxBytes * loops
	}
	return int64(connBytes*l.conns + min(baseBytes+inUse+inUse/4, emptyBytes+2*inUse))
}

// highestMemory returns the highest resident memory of a process so far, in bytes.
func highestMemory(pid int) (bytes int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscanf(after, "%d kB", &bytes)
	return bytes << 10, err
}

// wantMemory checks that a daemon never used more memory than its limits allow.
func (l limits) wantMemory(t *testing.T, pid int) {
	t.Helper()
	highest, err := highestMemory(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("RSS: at most %d MiB, %d MiB allowed", highest>>20, l.rssMax()>>20)
	if highest > l.rssMax() && !testtool.Race { // the race detector needs more memory
		t.Errorf("the daemon used %d MiB of memory, its limits allow %d", highest>>20, l.rssMax()>>20)
	}
}
