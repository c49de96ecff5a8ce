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

// The flood: each step is a bulky message that a few hear, and a short one that
// thousands hear. The short ones make the loop slow, by one write for each of the
// thousands; the bulky ones make what is published far more than may wait.
const (
	floodSteps     = 800
	bulkBytes      = 120 << 10
	bulkListeners  = 4
	shortListeners = 2000

	mailboxBytes = 1 << 20
	// backlogBytes is how far one of the few may lag behind, on a slow machine
	// whose reader does not come round.
	backlogBytes = 24 << 20
)

// floodGrowthMax is how much the daemon may grow by while it is flooded: one mailbox
// that is being filled and one that is being emptied; one backlog of bulky messages;
// some KiB for each of the thousands, mostly gnet's and the watch's; all of it twice,
// since the collector lets the heap grow to double what is in use; and what the
// heap's arenas and stacks take. It is less than what is published.
const floodGrowthMax = 2*(2*mailboxBytes+backlogBytes+shortListeners*2<<10) + 8<<20

// TestFasterThanTheLoop: a publisher who sends far faster than the loop can deliver
// is held up. Nothing is lost, and the daemon's memory stays flat.
func TestFasterThanTheLoop(t *testing.T) {
	testtool.Long(t, "thousands of subscribers make the loop slow; a tenth of them does not")
	const published = floodSteps * bulkBytes
	if floodGrowthMax >= published {
		t.Fatalf("%d bytes are published: that may all lie in %d bytes of memory", published, floodGrowthMax)
	}
	listeners, backlog := shortListeners, backlogBytes
	if testtool.Race {
		// The detector makes the readers of this process slow. They may lag, since memory is
		// not judged then.
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
	t.Logf("the publisher was done after %v, with nobody to deliver to after %v; memory grew by at most %d KiB, %d are allowed",
		took, idle, growth>>10, floodGrowthMax>>10)
	if growth > floodGrowthMax && !testtool.Race {
		t.Errorf("memory grew by %d KiB, %d are allowed", growth>>10, floodGrowthMax>>10)
	}
}

// needFiles is for the many connections to this process and to the daemon.
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

// readSteps wants every step's message, once and in order. Heartbeats may come
// between them.
func readSteps(stream *testtool.Stream, data func(step int) string) error {
	for step := range floodSteps {
		want := "data:" + data(step) + "\n\n"
		if got, err := stream.Frame(); err != nil || got != want {
			return fmt.Errorf("message %d is %.100q, of %d bytes (%v)", step, got, len(got), err)
		}
	}
	return nil
}

// flood publishes as fast as the daemon takes it, below a namespace, and returns
// how long that took once everything was answered with OK.
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
			t.Fatalf("the publisher is answered %q", reply)
		}
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

// A memoryWatch looks at a daemon's memory all the time.
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
				return errors.New("memory was looked at a few times only: it was over too soon")
			}
			return nil
		case <-pace.C:
		}
	}
}

// end ends the watch and returns by how much memory has grown at most.
func (w *memoryWatch) end(t *testing.T) int64 {
	t.Helper()
	close(w.over)
	if err := <-w.ended; err != nil {
		t.Fatal(err)
	}
	return w.highest - w.before
}
