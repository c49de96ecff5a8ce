package publishers

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// TestReopen verifies that when the publishers' own loop stops because no descriptor is free for a
// new connection, this is logged, and the loop listens again at the same addresses once there are
// descriptors. A subscriber keeps its stream during that time.
func TestReopen(t *testing.T) {
	testtool.Long(t, "descriptors run out for seconds")
	folder, err := os.MkdirTemp("", "ssed") // a path in t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	d := testtool.Start(t, "--publish-loop=own", "--publish=tcp://127.0.0.1:0", "--publish=unix://"+filepath.Join(folder, "publish"))
	news := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/news")
	old := testtool.DialPublisher(t, d.Publish[0])
	publishOn(t, old, "before")
	wantFrame(t, news, "before")

	restore := exhaust(t, d)
	testtool.WaitFor(t, "the publishers' loop to stop, to be restarted without success, and to stop again", func() bool {
		knock(t, d.Publish[0])
		return strings.Count(d.Log(), "publishers' event loop stopped; restarting") >= 2
	})
	if reply, err := old.ReadReply(); err == nil {
		t.Errorf("the old connection is still open and received %q", reply)
	}
	restore()
	for _, url := range d.Publish {
		testtool.WaitFor(t, "a publisher to be served again at "+url, func() bool { return served(url) })
		publishOn(t, testtool.DialPublisher(t, url), "after, to "+url)
		wantFrame(t, news, "after, to "+url)
	}
}

// exhaust lowers the daemon's limit so that it has no free descriptor, until restore is called. The
// limit applies to descriptor numbers, and the kernel always assigns the lowest free number.
func exhaust(t *testing.T, d *testtool.Daemon) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Prlimit(d.Process.Pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	highest := 0
	for _, name := range names {
		number, err := strconv.Atoi(name.Name())
		if err != nil {
			t.Fatal(err)
		}
		highest = max(highest, number)
	}
	limit := func(soft uint64) {
		t.Helper()
		if err := unix.Prlimit(d.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: soft, Max: before.Max}, nil); err != nil {
			t.Fatal(err)
		}
	}
	limit(uint64(highest + 1))
	return func() { limit(before.Cur) }
}

// knock connects as a publisher, if the daemon listens, and stays connected.
func knock(t *testing.T, url string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "tcp://"))
	if err != nil {
		return
	}
	t.Cleanup(func() { conn.Close() })
}

// served reports whether a new publisher gets a reply.
func served(url string) bool {
	network, address, _ := strings.Cut(url, "://")
	conn, err := net.Dial(network, address)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testtool.Patience))
	fmt.Fprintln(conn, "PING")
	reply, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && reply == "PONG\n"
}
