package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// TestKilledDuringBurst kills the daemon several times during a burst. It verifies that a
// subscriber that resumes after its last id has every message that was answered OK once, and that a
// later subscriber of the whole stream has the same messages.
func TestKilledDuringBurst(t *testing.T) {
	testtool.Long(t, "a daemon is killed and started several times")
	for _, sync := range []string{"100ms", "always"} {
		t.Run(sync, func(t *testing.T) {
			dir := t.TempDir()
			n := startNode(t, "--store="+dir, "--store-sync="+sync)
			r := n.subscribe(t, "/?last=100001")
			crew := write(t, n.Publish[0], 4, 0)
			for range 4 {
				ledger.Burst(t, 1000, 100, crew...)
				n.kill(t)
				n.again(t)
			}
			ledger.Burst(t, 1000, 900, crew...)
			ledgers := append(ledger.Stop(t, crew...), n.publishEnd(t, "/end"))
			got := r.WaitData(t, "end of /end")
			r.Verify(t, ledger.Audit{Ledgers: ledgers, InOrder: true})
			broken := 0
			for _, p := range crew {
				broken += p.Stats().Broken
				if stats := p.Stats(); stats.Busy > 0 {
					t.Errorf("%s got ERR busy %d times, the last: %s", p.Name, stats.Busy, stats.LastBusy)
				}
			}
			if broken == 0 || r.State().Streams < 5 {
				t.Errorf("%d messages were in flight when the daemon was killed, and the subscriber had %d connections: no burst was interrupted", broken, r.State().Streams)
			}
			n.kill(t)
			n.again(t)
			if later := n.subscribe(t, "/?last=100001").WaitData(t, "end of /end"); !slices.Equal(later, got) {
				t.Errorf("the live subscriber has %d messages, %v to %v, but the later one has %d, %v to %v",
					len(got), got[0], got[len(got)-1], len(later), later[0], later[len(later)-1])
			}
		})
	}
}

// TestRequestEarlierMessages verifies that after a restart, a subscriber can request earlier
// messages in every possible way. The daemon must read most of them from the store, because memory
// holds only a part.
func TestRequestEarlierMessages(t *testing.T) {
	testtool.Long(t, "several daemons read a store")
	const messages = 6000
	n := startNode(t, "--store="+t.TempDir(), "--history-bytes=64KiB")
	live := n.subscribe(t, "/?last=100001")
	namespaces := []string{"/a", "/a/b", "/c", "/d/e/f"}
	publishMany(t, n, namespaces, 0, messages/2)
	then := time.Now()
	n.kill(t)
	n.again(t)
	testtool.WaitFor(t, "two seconds between the two halves", func() bool { return time.Since(then) > 2*time.Second })
	publishMany(t, n, namespaces, messages/2, messages)
	all := live.WaitData(t, fmt.Sprint(messages-1))
	if len(all) != messages {
		t.Fatalf("received %d of %d messages, and the gaps %+v", len(all), messages, live.Gaps())
	}
	at := func(i int) string { return namespaces[i%len(namespaces)] }
	for _, c := range []struct {
		set  string
		has  func(namespace string) bool
		name string
	}{
		{"/", func(string) bool { return true }, "all"},
		{"/a", func(ns string) bool { return strings.HasPrefix(ns, "/a") }, "a and below"},
		{"/a/b", func(ns string) bool { return ns == "/a/b" }, "one"},
		{"?ns=/c&ns=/a/b", func(ns string) bool { return ns == "/c" || ns == "/a/b" }, "two"},
		{"/d/e", func(ns string) bool { return ns == "/d/e/f" }, "above one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []ledger.Message
			second := 0 // index of the first message of the second half
			for i, m := range all {
				if !c.has(at(i)) {
					continue
				}
				if i < messages/2 {
					second++
				}
				want = append(want, m)
			}
			and := "?"
			if strings.Contains(c.set, "?") {
				and = "&"
			}
			for ask, from := range map[string]int{
				"last=1":                                len(want) - 1,
				"last=700":                              len(want) - 700,
				"last=1200":                             len(want) - 1200,
				"last=99999":                            0,
				"last=100001":                           0,
				"since=1h":                              0,
				"since=then":                            second,
				"last_event_id=" + want[10].ID.String(): 11,
				"last_event_id=" + want[second].ID.String() + "&last=1": second + 1,
			} {
				// A read from the store begins at a whole second.
				ask = strings.Replace(ask, "then", time.Since(then.Add(1300*time.Millisecond)).String(), 1)
				r := n.open(t, c.set+and+ask, "")
				got := r.WaitData(t, want[len(want)-1].Data)
				r.Close()
				if !slices.Equal(got, want[from:]) {
					t.Errorf("%s: %d messages from %v, want %d from %v", ask, len(got), got[0], len(want)-from, want[from])
				}
			}
		})
	}
}

// publishMany publishes numbers to the namespaces in rotation. All must be answered OK.
func publishMany(t *testing.T, n *node, namespaces []string, from, to int) {
	t.Helper()
	p := testtool.DialPublisher(t, n.Publish[0])
	var lines strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&lines, "PUB %s - %d\n", namespaces[i%len(namespaces)], i)
	}
	go p.Conn.Write([]byte(lines.String())) // a message that cannot be sent gets no reply, which is noticed below
	for i := from; i < to; i++ {
		if reply := p.Reply(t); reply != fmt.Sprintf("OK %d", i+1) {
			t.Fatalf("message %d was answered %q", i, reply)
		}
	}
}

// TestSecondDaemon verifies that a daemon does not start on a store that another daemon uses, and
// that the first daemon is not affected.
func TestSecondDaemon(t *testing.T) {
	dir := t.TempDir()
	n := startNode(t, "--store="+dir)
	second := testtool.StartCommand(t, testtool.Build(t), "--listen="+own, "--publish=tcp://"+own, "--store="+dir)
	testtool.WaitFor(t, "the second daemon to exit", func() bool { return strings.Contains(second.Errors(), "\n") })
	output := second.Errors()
	if !strings.Contains(output, "another process uses this store") || !strings.Contains(output, dir) || strings.Count(output, "\n") != 1 {
		t.Errorf("the second daemon printed %q", output)
	}
	if seq := n.ask(t, "PUB /a - b"); seq != 1 {
		t.Errorf("the first message of the first daemon has the sequence %d, want 1", seq)
	}
	n.kill(t)
	n.again(t)
	if seq := n.ask(t, "PUB /a - b"); seq != 2 {
		t.Errorf("the message after the restart has the sequence %d, want 2", seq)
	}
}
