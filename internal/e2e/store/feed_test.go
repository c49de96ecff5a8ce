package store

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// A feed is a running "ssed pub" that publishes the lines that the test writes to it.
type feed struct {
	io.WriteCloser
	cmd    *exec.Cmd
	stderr testtool.LockedBuffer
}

func (n *node) feed(t *testing.T, namespace string) *feed {
	t.Helper()
	f := &feed{cmd: exec.Command(testtool.Build(t), "pub", "--to", n.Publish[0], namespace)}
	f.cmd.Env, f.cmd.Stderr = testtool.Environ(), &f.stderr
	var err error
	if f.WriteCloser, err = f.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.cmd.Process.Kill()
		f.cmd.Wait()
		if t.Failed() {
			t.Logf("ssed pub printed:\n%s", f.stderr.String())
		}
	})
	return f
}

// wait waits until "ssed pub" exits, and returns its exit code.
func (f *feed) wait(t *testing.T) (code int) {
	t.Helper()
	defer time.AfterFunc(2*testtool.Patience, func() { f.cmd.Process.Kill() }).Stop()
	f.cmd.Wait()
	return f.cmd.ProcessState.ExitCode()
}

// TestPubDuringStoreOutage verifies that "ssed pub" waits while the NATS server hangs or is down
// and the daemon answers ERR busy, and that each line is stored once.
func TestPubDuringStoreOutage(t *testing.T) {
	testtool.Long(t, "a NATS server is unavailable for seconds")
	for name, fault := range map[string]struct {
		away, back func(*testing.T, *natstest.Server)
	}{
		"hangs":  {func(_ *testing.T, s *natstest.Server) { s.Freeze() }, func(_ *testing.T, s *natstest.Server) { s.Thaw() }},
		"killed": {func(_ *testing.T, s *natstest.Server) { s.Kill() }, func(t *testing.T, s *natstest.Server) { s.Restart(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			natsServer := natstest.Start(t)
			n := startNode(t, "--nats="+natsServer.URL, "--nats-timeout=1s")
			n.waitForLog(t, "store replayed")
			reader, feed := n.subscribe(t, "/feed?last=100000"), n.feed(t, "/feed")
			const total = 30_000
			go func() {
				for i := range total {
					fmt.Fprintln(feed, i)
				}
				feed.Close()
			}()
			testtool.WaitFor(t, "messages to flow", func() bool { return len(reader.Messages()) > 100 })
			fault.away(t, natsServer)
			testtool.WaitFor(t, "ssed pub to get ERR busy", func() bool { return strings.Contains(feed.stderr.String(), ": busy: ") })
			fault.back(t, natsServer)
			if code := feed.wait(t); code != 0 || strings.Contains(feed.stderr.String(), "twice") {
				t.Errorf("exit code %d", code)
			}
			lines := &ledger.Ledger{}
			for i := range total {
				lines.Send(fmt.Sprint(i))
			}
			ledgers := []*ledger.Ledger{lines, n.publishEnd(t, "/feed")}
			all := reader.WaitData(t, "end of /feed")
			reader.Verify(t, ledger.Audit{Ledgers: ledgers}) // checks only "at most once", because the test sees no replies
			if len(all) != total+1 {
				t.Errorf("received %d of %d lines", len(all)-1, total)
			}
		})
	}
}

// TestPubContinuesAfterALongLine verifies that a line that is too long for the NATS server is
// refused, and that the other lines are published.
func TestPubContinuesAfterALongLine(t *testing.T) {
	n := startNode(t, "--nats="+natstest.Start(t, "max_payload: 4KB").URL)
	n.waitForLog(t, "store replayed")
	reader, feed := n.subscribe(t, "/feed"), n.feed(t, "/feed")
	fmt.Fprintf(feed, "before\n%s\nafter\n", strings.Repeat("x", 5000))
	feed.Close()
	if code := feed.wait(t); code != 1 || !strings.Contains(feed.stderr.String(), "line 2 refused: too-long: the NATS server accepts messages of at most 4096 bytes") {
		t.Errorf("exit code %d", code)
	}
	if all := reader.WaitData(t, "after"); len(all) != 2 || all[0].Data != "before" {
		t.Errorf("published: %v", all)
	}
}
