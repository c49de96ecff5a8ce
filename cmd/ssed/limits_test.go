package main

import (
	"cmp"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/internal/testtool"
)

func TestRaiseLimits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	openFiles, err := raiseLimits(1)
	if err != nil {
		t.Fatal(err)
	}
	if n := runtime.GOMAXPROCS(0); n != 2 {
		t.Errorf("GOMAXPROCS = %d, want 2", n)
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if files.Cur != files.Max || openFiles != int(min(files.Max, openfiles.LimitMax)) {
		t.Errorf("returned %d with a soft limit of %d and a hard limit of %d", openFiles, files.Cur, files.Max)
	}
}

func TestConnectionsStayBelowTheOpenFiles(t *testing.T) {
	tests := []struct {
		name             string
		openFiles        int
		flags            daemonFlags
		loop, publishers int
		refuse           string
	}{
		{name: "all there are", openFiles: 20000, loop: 18744, publishers: 1000},
		{name: "as asked", openFiles: 20000, flags: daemonFlags{MaxConns: 100}, loop: 100, publishers: 1000},
		{name: "few publishers", openFiles: 20000, flags: daemonFlags{MaxPublishers: 10}, loop: 19734, publishers: 10},
		{name: "few files", openFiles: 1024, loop: 576, publishers: 192},
		{name: "few files, both as asked", openFiles: 1024, flags: daemonFlags{MaxConns: 10, MaxPublishers: 700}, loop: 10, publishers: 700},
		{name: "asked too much", openFiles: 1024, flags: daemonFlags{MaxConns: 577}, refuse: "allows at most 576"},
		{name: "too many publishers", openFiles: 1024, flags: daemonFlags{MaxPublishers: 768}, refuse: "allows at most 767"},
		{name: "two loops", openFiles: 20000, flags: daemonFlags{Loops: 2, Listen: []string{":8001"}}, loop: 18728, publishers: 1000},
		{name: "two loops, three addresses", openFiles: 20000, flags: daemonFlags{Loops: 2, Listen: []string{":1", ":2", ":3"}}, loop: 18724, publishers: 1000},
		{name: "too few files", openFiles: 256, refuse: "raise it above 257 (ulimit -Hn, or LimitNOFILE= in systemd)"},
		{name: "too few files for several loops", openFiles: 1024, flags: daemonFlags{Loops: 50, Listen: []string{":8001"}}, refuse: "raise it above 1041 (ulimit -Hn, or LimitNOFILE= in systemd), or lower the number of event loops (--loops=50)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.flags.Loops = cmp.Or(tt.flags.Loops, 1)
			loop, publishers, err := tt.flags.connections(tt.openFiles)
			switch {
			case tt.refuse != "":
				if err == nil || !strings.Contains(err.Error(), tt.refuse) {
					t.Errorf("error %v, want %q in it", err, tt.refuse)
				}
			case err != nil || loop != tt.loop || publishers != tt.publishers:
				t.Errorf("got %d and %d, %v, want %d and %d", loop, publishers, err, tt.loop, tt.publishers)
			}
		})
	}
}

// TestReserveCoversTheListeners counts the open files of daemons without clients. Half of the
// reserve must be enough for them, and for the connections that only get a time to reconnect.
func TestReserveCoversTheListeners(t *testing.T) {
	for _, tt := range []struct{ loops, addresses int }{{1, 1}, {1, 20}, {16, 1}, {16, 20}} {
		args := []string{fmt.Sprint("--loops=", tt.loops)}
		for range tt.addresses {
			args = append(args, "--listen="+testtool.FreePort(t))
		}
		d := testtool.Start(t, args...)
		open, err := testtool.DescriptorsOf(d.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		const retries = openfiles.Reserve / 4 // as in package loop
		if half := openfiles.ReserveFor(tt.loops, tt.addresses) / 2; open+retries > half {
			t.Errorf("%d loops with %d addresses: %d open files and %d connections, want at most %d", tt.loops, tt.addresses, open, retries, half)
		}
	}
}
