package main

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/store"
)

// flagsOf parses a command line as the daemon does, without fitting a memory limit. It also returns
// a function that reports which flags have their defaults.
func flagsOf(t *testing.T, args ...string) (f *daemonFlags, isDefault func(string) bool) {
	t.Helper()
	var cli commands
	found := newSettings()
	parser := newParser(&cli, io.Discard)
	parser.Exit = func(int) { t.Fatalf("%q ends the process", args) }
	if err := kong.Resolvers(found).Apply(parser); err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"serve"}, args...)); err != nil {
		t.Fatal(err)
	}
	return &cli.Serve.daemonFlags, func(flag string) bool { return found.origins[flag] == (origin{}) }
}

// TestFitMemory checks the values that docs/overload.md shows.
func TestFitMemory(t *testing.T) {
	t.Setenv("SSED_TOKEN_FILE", "") // ignore a variable of the environment of this test
	tests := []struct {
		name                                    string
		limit                                   int // MiB
		args                                    []string
		changed                                 []string
		backlog, backlogTotal, history, mailbox int // MiB
	}{
		{"no limit", 0, []string{"--history=9"}, nil, 16, 512, 256, 8},
		{"plenty", 8192, []string{"--history=9"}, nil, 16, 512, 256, 8},
		{"512", 512, nil, []string{"backlog-total"}, 16, 316, 256, 8},
		{"512, history", 512, []string{"--history=9"}, []string{"backlog-total", "history-bytes"}, 16, 211, 105, 8},
		{"512, history of some", 512, []string{"--history-for=/a=9"}, []string{"backlog-total", "history-bytes"}, 16, 211, 105, 8},
		{"512, store", 512, []string{"--store=/x"}, []string{"backlog-total", "history-bytes"}, 16, 136, 68, 8},
		{"512, NATS", 512, []string{"--nats=nats://x"}, []string{"backlog-total", "history-bytes"}, 16, 179, 89, 8},
		{"256, store", 256, []string{"--store=/x"}, []string{"mailbox", "backlog-total", "history-bytes"}, 16, 43, 21, 4},
		{"128, own loop", 128, []string{"--publish-loop=own"}, []string{"mailbox", "backlog-total"}, 16, 43, 256, 2},
		{"256, three loops", 256, []string{"--loops=3"}, []string{"mailbox", "backlog-total"}, 16, 122, 256, 1},
		{"512, two loops", 512, []string{"--loops=2"}, []string{"mailbox", "backlog-total"}, 16, 296, 256, 4},
		{"256, two loops, history", 256, []string{"--loops=2", "--history=9"}, []string{"mailbox", "backlog-total", "history-bytes"}, 16, 80, 40, 2},
		{"512, two loops, NATS", 512, []string{"--loops=2", "--nats=nats://x"}, []string{"mailbox", "backlog-total", "history-bytes"}, 16, 160, 80, 4},
		{"32", 32, nil, []string{"backlog-total", "backlog"}, 7, 7, 256, 8},
		{"32, short messages", 32, []string{"--data-max=1KiB"}, []string{"backlog-total", "backlog"}, 1, 1, 256, 8},
		{"set as it would be", 512, []string{"--backlog-total=512MiB"}, nil, 16, 512, 256, 8},
		{"backlog-total set", 512, []string{"--history=9", "--backlog-total=100MiB"}, []string{"history-bytes"}, 16, 100, 216, 8},
		{"history-bytes set", 512, []string{"--history=9", "--history-bytes=300MiB"}, []string{"backlog-total"}, 16, 16, 300, 8},
		{"history-bytes set too high", 512, []string{"--history=9", "--history-bytes=1GiB"}, []string{"backlog-total", "backlog"}, 7, 7, 1024, 8},
		{"backlog set", 64, []string{"--backlog=20MiB"}, []string{"backlog-total"}, 20, 20, 256, 8},
		{"connections", 512, []string{"--max-conns=51200"}, []string{"backlog-total"}, 16, 236, 256, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, isDefault := flagsOf(t, tt.args...)
			changed := f.fitMemory(memoryLimit{bytes: tt.limit << 20}, isDefault)
			if !slices.Equal(changed, tt.changed) {
				t.Errorf("changed %q, want %q", changed, tt.changed)
			}
			got := fmt.Sprint(f.Backlog, f.BacklogTotal, f.HistoryBytes, f.Mailbox)
			want := fmt.Sprint(byteSize(tt.backlog<<20), byteSize(tt.backlogTotal<<20), byteSize(tt.history<<20), byteSize(tt.mailbox<<20))
			if got != want {
				t.Errorf("backlog, backlog-total, history-bytes, mailbox: %s, want %s", got, want)
			}
			f.check(func(flag string, err error) { t.Errorf("--%s: %v", flag, err) })
		})
	}
}

// TestFitMemoryForEveryLimit tries every limit. The daemon must fit it, or its flags must have
// their lowest values, and the flags must be valid.
func TestFitMemoryForEveryLimit(t *testing.T) {
	for _, args := range [][]string{nil, {"--history=1"}, {"--store=/x"}, {"--nats=nats://x", "--max-conns=1000"}, {"--publish-loop=own", "--data-max=100KiB"}, {"--loops=3", "--store=/x"}} {
		fits := 0
		asRead, isDefault := flagsOf(t, args...)
		for mib := 1; mib < 2048; mib++ {
			f := *asRead
			m := memoryLimit{bytes: mib << 20}
			f.fitMemory(m, isDefault)
			f.check(func(flag string, err error) { t.Errorf("%d MiB: --%s: %v", mib, flag, err) })
			if m.goLimit() < m.bytes/2 || m.goLimit() > m.usable() {
				t.Errorf("%d MiB: Go gets %d", mib, m.goLimit())
			}
			if f.memoryMax(m) <= m.usable() {
				fits++
			} else if fits > 0 {
				t.Fatalf("%q: %d MiB are not enough, and less was", args, mib)
			}
		}
		if fits < 1800 {
			t.Errorf("%q fit only %d of 2048 limits", args, fits)
		}
	}
}

func TestStoreCacheFitsTheMemoryLimit(t *testing.T) {
	for limit, want := range map[int]int{0: store.DefaultCacheBytes, 32 << 20: 8 << 20, 256 << 20: 32 << 20, 8 << 30: store.DefaultCacheBytes} {
		if got := (memoryLimit{bytes: limit}).storeCacheBytes(); got != want {
			t.Errorf("with a limit of %d the store caches %d bytes, not %d", limit, got, want)
		}
	}
}

func TestCollectorPercent(t *testing.T) {
	for _, tt := range []struct {
		liveMiB uint64
		want    int
	}{{0, 100}, {1, 100}, {16, 100}, {20, 80}, {32, 50}, {100, 16}, {110, sparePercent}, {4096, sparePercent}} {
		if got := collectorPercent(tt.liveMiB << 20); got != tt.want {
			t.Errorf("with %d MiB in use GOGC is %d, not %d", tt.liveMiB, got, tt.want)
		}
	}
}
