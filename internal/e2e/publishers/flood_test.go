package publishers

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// The flood consists of steps. Each step is a bulky message for a few subscribers, and a short
// message for thousands. The short ones make the loop slow, with one write for each of the
// thousands. The bulky ones make the published data far larger than the data that may wait in
// memory.
const (
	floodSteps     = 800
	bulkBytes      = 120 << 10
	bulkListeners  = 4
	shortListeners = 2000

	mailboxBytes = 1 << 20
	// backlogBytes limits how far one of the few subscribers may lag, if its reader gets no time on
	// a slow machine.
	backlogBytes = 24 << 20
)

// floodGrowthMax is how much the daemon's memory may grow during the flood. It is the sum of two
// mailboxes (one is filled while the other is emptied), a backlog of bulky messages, and 2 KiB for
// each of the thousands, mostly for gnet and the watch. The sum is doubled, because the collector
// lets the heap grow to twice the size in use. The rest is for the heap's arenas and for stacks.
// The limit must be less than the published data.
const floodGrowthMax = 2*(2*mailboxBytes+backlogBytes+shortListeners*2<<10) + 8<<20

// TestPublisherFasterThanTheLoop verifies that a publisher that sends far faster than the loop can
// deliver is held up. No message is lost, and the daemon's memory stays bounded.
func TestPublisherFasterThanTheLoop(t *testing.T) {
	testtool.Long(t, "it needs thousands of subscribers to make the loop slow")
	const published = floodSteps * bulkBytes
	if floodGrowthMax >= published {
		t.Fatalf("all of the %d published bytes fit into the allowed %d bytes of memory", published, floodGrowthMax)
	}
	listeners, backlog := shortListeners, backlogBytes
	if testtool.Race {
		// The race detector makes the readers in this process slow. They may lag, because memory is
		// not checked then.
		listeners, backlog = shortListeners/10, 2*published
	}
	needFiles(t, listeners)
	d := testtool.Start(t, "--publish-loop=own",
		fmt.Sprint("--mailbox=", mailboxBytes), fmt.Sprint("--backlog=", backlog), fmt.Sprint("--data-max=", bulkBytes))

	var readers sync.WaitGroup
	for i := range bulkListeners + listeners {
		namespace, step := "/short", shortData
		if i < bulkListeners {
			namespace, step = "/bulk", bulkData
		}
		stream := testtool.OpenStream(t, d.Subscribe[0], "/subscribe"+namespace)
		readers.Go(func() {
			if err := readSteps(stream, step); err != nil {
				t.Errorf("subscriber %d of %s: %v", i, namespace, err)
			}
		})
	}
	watch := watchMemory(t, d)
	took := flood(t, d, "", floodSteps)
	readers.Wait()
	growth := watch.end(t)
	idle := flood(t, d, "/nobody", floodSteps)
	t.Logf("publishing took %v, and %v without subscribers; memory grew by at most %d KiB, %d are allowed",
		took, idle, growth>>10, floodGrowthMax>>10)
	if growth > floodGrowthMax && !testtool.Race {
		t.Errorf("memory grew by %d KiB, want at most %d", growth>>10, floodGrowthMax>>10)
	}
}

// needFiles skips the test if the limit on open files is too low for the connections, which need a
// file in this process and one in the daemon.
func needFiles(t *testing.T, connections int) {
	t.Helper()
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Max < uint64(2*connections) {
		testtool.Lack(t, "%d subscribers need more than the %d open files that are allowed (%v)", connections, files.Max, err)
	}
}

// bulk is the data of every bulky message after its number.
var bulk = strings.Repeat("x", bulkBytes-8)

func bulkData(step int) string  { return fmt.Sprintf("%08d", step) + bulk }
func shortData(step int) string { return fmt.Sprint("step ", step) }

// readSteps checks that every step's message arrives once and in order. It ignores heartbeats.
func readSteps(stream *testtool.Stream, data func(step int) string) error {
	for step := range floodSteps {
		want := "data:" + data(step) + "\n\n"
		if got, err := stream.Frame(); err != nil || got != want {
			return fmt.Errorf("message %d is %.100q, of %d bytes (%v)", step, got, len(got), err)
		}
	}
	return nil
}

// flood publishes below a namespace as fast as the daemon accepts it. It returns the time until
// everything was answered OK.
func flood(t *testing.T, d *testtool.Daemon, below string, steps int) time.Duration {
	t.Helper()
	p := testtool.DialPublisher(t, d.Publish[0])
	start := time.Now()
	p.Conn.SetWriteDeadline(start.Add(4 * testtool.Patience))
	written := make(chan error, 1)
	go func() {
		var lines bytes.Buffer
		for step := range steps {
			fmt.Fprintf(&lines, "PUB %s/bulk - %s\nPUB %s/short - %s\n", below, bulkData(step), below, shortData(step))
			if _, err := lines.WriteTo(p.Conn); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	for range 2 * steps {
		if reply := p.Reply(t); !strings.HasPrefix(reply, "OK ") {
			t.Fatalf("the reply is %q, want OK", reply)
		}
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

// A memoryWatch samples a daemon's memory every 5 ms.
type memoryWatch struct {
	before, highest int64
	over            chan struct{}
	ended           chan error
}

func watchMemory(t *testing.T, d *testtool.Daemon) *memoryWatch {
	t.Helper()
	l, err := testtool.LoadOf(d.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	w := &memoryWatch{before: l.Memory, over: make(chan struct{}), ended: make(chan error, 1)}
	go func() { w.ended <- w.run(d.Process.Pid) }()
	return w
}

func (w *memoryWatch) run(pid int) error {
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	samples := 0
	for {
		l, err := testtool.LoadOf(pid)
		if err != nil {
			return err
		}
		w.highest = max(w.highest, l.Memory)
		samples++
		select {
		case <-w.over:
			if samples < 10 {
				return errors.New("fewer than 10 samples of memory: the flood was too short")
			}
			return nil
		case <-pace.C:
		}
	}
}

// end stops the watch, and returns the maximum growth of memory.
func (w *memoryWatch) end(t *testing.T) int64 {
	t.Helper()
	close(w.over)
	if err := <-w.ended; err != nil {
		t.Fatal(err)
	}
	return w.highest - w.before
}
