package store

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// fill writes to a file until its disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for piece := 1 << 20; piece > 0; { // until no byte fits
		if _, err = file.Write(make([]byte, piece)); err != nil {
			piece /= 2
		}
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

// TestDiskFull fills the disk of the store. It verifies that publishers, the log and the health
// check report that, and that once there is room again, with or without a restart, every message
// that was answered OK is there.
func TestDiskFull(t *testing.T) {
	testtool.Long(t, "it fills a disk several times")
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarted %v", restarted), func(t *testing.T) {
			disk := testtool.SmallDisk(t, 64<<20)
			n := startNode(t, "--store="+filepath.Join(disk, "store"), "--nats-stream-bytes=16MiB", "--nats-timeout=1s")
			live := n.subscribe(t, "/?last=100000")
			p := testtool.DialPublisher(t, n.Publish[0])
			stored := &ledger.Ledger{}
			number := 0
			publish := func() (reply string) {
				data := fmt.Sprintf("%d %s", number, strings.Repeat("x", 10_000))
				number++
				stored.Send(data)
				reply = p.Ask(t, "PUB /a - "+data)
				var seq uint64
				if scan(reply, "OK %d", &seq) {
					stored.Ack(data, seq)
				}
				return reply
			}
			for range 20 {
				if reply := publish(); !strings.HasPrefix(reply, "OK ") {
					t.Fatal(reply)
				}
			}
			greedy := filepath.Join(disk, "greedy")
			fill(t, greedy)
			reply := ""
			testtool.WaitFor(t, "an ERR for a publisher", func() bool {
				reply = publish()
				return !strings.HasPrefix(reply, "OK ")
			})
			if !strings.HasPrefix(reply, "ERR busy ") {
				t.Errorf("the reply on a full disk is %q, want ERR busy", reply)
			}
			testtool.WaitFor(t, "a reply that mentions the store", func() bool { return strings.Contains(publish(), "store") })
			n.waitForLog(t, "level=ERROR", "store write failed")
			if lines := n.Logged("level=ERROR", "store write failed; free or repair its disk"); lines != 1 {
				t.Errorf("the log has %d lines about the disk, want 1", lines)
			}
			n.waitForHealth(t, http.StatusServiceUnavailable, "the store")
			if restarted {
				n.kill(t)
			}
			if err := os.Remove(greedy); err != nil {
				t.Fatal(err)
			}
			if restarted {
				n.again(t)
				p = testtool.DialPublisher(t, n.Publish[0])
			}
			testtool.WaitFor(t, "an OK after there is room again", func() bool { return strings.HasPrefix(publish(), "OK ") })
			n.waitForHealth(t, http.StatusOK, "serving")
			ledgers := []*ledger.Ledger{stored, n.publishEnd(t, "/a")}
			for _, s := range []*ledger.Subscriber{live, n.subscribe(t, "/?last=100000")} {
				s.WaitData(t, "end of /a")
				s.Verify(t, ledger.Audit{Ledgers: ledgers})
			}
		})
	}
}
