package overload

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestDefaultsFitAMemoryLimit floods a daemon with default flags in a real control group. It
// verifies that the daemon uses at most seven eighths of the limit, and is not killed.
func TestDefaultsFitAMemoryLimit(t *testing.T) {
	testtool.Long(t, "it publishes half a gigabyte")
	t.Parallel() // it waits for the disk, most of the time
	testtool.WithoutRace(t, "it takes several times the memory")
	const limit, flooded, laggards = 256 << 20, 256 << 20, 20
	for _, tt := range []struct {
		name string
		args func(t *testing.T) []string
	}{{"history", kept}, {"store", stored}} {
		t.Run(tt.name, func(t *testing.T) {
			group := testtool.NewMemoryGroup(t, limit)
			args := append(tt.args(t), "--slow=skip", "--stall-timeout=1m")
			d := testtool.StartBy(t, group.Line(append([]string{testtool.Build(t)}, args...)...)...)
			if !strings.Contains(d.Log(), `msg="memory limit found" limit=256MiB gomemlimit=224MiB`) {
				t.Error("the log does not report the limit")
			}
			for i := range laggards { // they never read, and each has its own stream
				conn, err := net.Dial("tcp", strings.TrimPrefix(d.Subscribe[0], "http://"))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := fmt.Fprintf(conn, "GET /subscribe/flood/%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i); err != nil {
					t.Fatal(err)
				}
			}
			testtool.WaitFor(t, "the subscribers", func() bool { return gauge(t, d, "ssed_subscribers") == laggards })
			backlog := 0 // the maximum so far
			flood(t, d, laggards, 1<<10, func(published int) bool {
				backlog = max(backlog, gauge(t, d, "ssed_backlog_bytes"))
				return published<<10 > flooded
			})
			highest, err := highestMemory(d.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			total := backlogTotal(t, d)
			t.Logf("RSS: at most %d MiB, the limit is %d MiB; the backlog: at most %d of %d MiB", highest>>20, limit>>20, backlog>>20, total>>20)
			if highest > limit/8*7 {
				t.Errorf("the daemon used %d MiB of its limit of %d MiB", highest>>20, limit>>20)
			}
			if killed := group.Killed(t); killed > 0 {
				t.Errorf("%d processes were killed", killed)
			}
			if backlog < total/3*2 {
				t.Error("the backlog was too small for a test of the memory")
			}
		})
	}
}

// backlogTotal returns --backlog-total of a daemon that has lowered it.
func backlogTotal(t *testing.T, d *testtool.Daemon) (bytes int) {
	t.Helper()
	mib := 0
	_, after, _ := strings.Cut(d.Log(), " backlog_total=")
	if _, err := fmt.Sscanf(after, "%dMiB", &mib); err != nil {
		t.Fatalf("the log does not report --backlog-total: %v", err)
	}
	return mib << 20
}

// TestFlagsBeyondAMemoryLimit verifies that the daemon starts with flags that exceed the memory
// limit, and that a warning names them.
func TestFlagsBeyondAMemoryLimit(t *testing.T) {
	group := testtool.NewMemoryGroup(t, 128<<20)
	d := testtool.StartBy(t, group.Line(testtool.Build(t), "--history=1", "--history-bytes=512MiB")...)
	testtool.WaitFor(t, "the warning", func() bool {
		return strings.Contains(d.Log(), "flags allow more memory than the memory limit\" flags=--history-bytes limit_mib=128")
	})
	flood(t, d, 1, 100, func(published int) bool { return published > 0 })
}
