package overload

import (
	"bufio"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/store"
)

// historyFull is the minimum size of a full history, which drops whole chunks.
const historyFull = ssed.DefaultHistoryBytes * 9 / 10

// fillTime limits how long a test publishes at full speed to fill the history.
const fillTime = 3 * time.Minute

// gauge reads one of the daemon's metrics.
func gauge(t *testing.T, d *testtool.Daemon, name string) int {
	t.Helper()
	_, _, text := testtool.Fetch(t, d.Subscribe[0]+"/metrics")
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no metric %s in:\n%s", name, text)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(value)
}

// flood publishes messages of the given size to the given number of namespaces at full speed. It
// stops when enough returns true after a block of messages.
func flood(t *testing.T, d *testtool.Daemon, namespaces, bytes int, enough func(published int) bool) {
	t.Helper()
	p := testtool.DialPublisher(t, d.Publish[0])
	if reply := p.Ask(t, "QUIET on"); reply != "OK" {
		t.Fatalf("QUIET on: %s", reply)
	}
	out := bufio.NewWriterSize(p.Conn, 256<<10)
	data := strings.Repeat("x", bytes)
	published := 0
	for deadline := time.Now().Add(fillTime); !enough(published); {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages in %v were not enough", published, fillTime)
		}
		p.Conn.SetWriteDeadline(time.Now().Add(testtool.Patience))
		for range max(1, (1<<20)/bytes) {
			if _, err := fmt.Fprintf(out, "PUB /flood/%d - %s\n", published%namespaces, data); err != nil {
				t.Fatal(err)
			}
			published++
		}
	}
	fmt.Fprint(out, "PING\n")
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if reply := p.Reply(t); reply != "PONG" {
		t.Fatalf("after %d messages: %s", published, reply)
	}
}

// TestFullSpeedFillsHistory publishes at full speed until the history is full, and then as many
// messages again. It verifies that the daemon uses no more memory than the formula in
// docs/overload.md allows.
func TestFullSpeedFillsHistory(t *testing.T) {
	testtool.Long(t, "it fills a history of 256 MiB twice")
	t.Parallel() // only one daemon works at a time, on one core
	testtool.WithoutRace(t, "it takes several times the memory")
	store := 2*ssed.DefaultMailboxBytes + 32<<20 + store.DefaultCacheBytes
	for _, tt := range []struct {
		name       string
		args       func(t *testing.T) []string
		limits     limits
		namespaces int
		bytes      int
	}{
		{"short messages", kept, limits{conns: 10, streams: -1}, 1, 64},
		{"1 KiB", kept, limits{conns: 10, streams: -1}, 1000, 1 << 10},
		{"short messages to a store", stored, limits{conns: 10, streams: -1, storeBytes: store}, 1, 256},
		{"1 KiB to a store", stored, limits{conns: 10, streams: -1, storeBytes: store}, 100, 1 << 10},
		{"64 KiB to a store", stored, limits{conns: 10, streams: -1, storeBytes: store}, 1, 64 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := testtool.Start(t, tt.args(t)...)
			full := 0 // number of messages that filled the history
			flood(t, d, tt.namespaces, tt.bytes, func(published int) bool {
				if full == 0 && gauge(t, d, "ssed_history_bytes") > historyFull {
					full = published
				}
				return full > 0 && published > 2*full
			})
			tt.limits.historyBytes = ssed.DefaultHistoryBytes
			tt.limits.wantMemory(t, d.Process.Pid)
			if kept := gauge(t, d, "ssed_history_bytes"); kept < historyFull || kept > ssed.DefaultHistoryBytes {
				t.Errorf("the history has %d bytes at the end, want %d to %d", kept, historyFull, ssed.DefaultHistoryBytes)
			}
		})
	}
}

// kept returns the flags of a daemon with a history of the default size, and stored the flags of a
// daemon with a store of the default size.
func kept(*testing.T) []string     { return []string{"--history=1000000000"} }
func stored(t *testing.T) []string { return []string{"--store=" + t.TempDir()} }

// TestCollectorSetsGOGC verifies that the daemon lowers GOGC as its heap grows, unless the
// environment sets GOGC.
func TestCollectorSetsGOGC(t *testing.T) {
	testtool.Long(t, "the daemon collects garbage under load")
	const filled = 100 << 20
	for _, tt := range []struct {
		name string
		env  []string
		want func(percent int) bool
	}{
		{"by the daemon", nil, func(percent int) bool { return percent < 25 }},
		{"by the daemon, if the variable is empty", []string{"GOGC="}, func(percent int) bool { return percent < 25 }},
		{"by the environment", []string{"GOGC=77"}, func(percent int) bool { return percent == 77 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := testtool.StartEnv(t, tt.env, "--history=1000000000")
			if percent := gauge(t, d, "go_gc_gogc_percent"); tt.env == nil && percent != 100 {
				t.Errorf("GOGC is %d at the start, want 100", percent)
			}
			flood(t, d, 1, 1<<10, func(int) bool { return gauge(t, d, "ssed_history_bytes") > filled })
			testtool.WaitFor(t, "the next collection", func() bool { return tt.want(gauge(t, d, "go_gc_gogc_percent")) })
		})
	}
}
