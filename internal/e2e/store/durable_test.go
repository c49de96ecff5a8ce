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

// TestKilledInTheMiddle of a burst, again and again: who comes back with its last id
// has every message once that was answered OK, and so has who reads all of it later.
func TestKilledInTheMiddle(t *testing.T) {
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
					t.Errorf("%s was told ERR busy %d times, the last: %s", p.Name, stats.Busy, stats.LastBusy)
				}
			}
			if broken == 0 || r.State().Streams < 5 {
				t.Errorf("%d messages were under way when it was killed, and a reader had %d connections: no burst had a middle", broken, r.State().Streams)
			}
			n.kill(t)
			n.again(t)
			if later := n.subscribe(t, "/?last=100001").WaitData(t, "end of /end"); !slices.Equal(later, got) {
				t.Errorf("who read along has %d messages, %v to %v, and who came later %d, %v to %v",
					len(got), got[0], got[len(got)-1], len(later), later[0], later[len(later)-1])
			}
		})
	}
}

// TestAskForWhatWas before a restart, by everything that a subscriber can ask with,
// where most of it is more than the daemon keeps in memory.
func TestAskForWhatWas(t *testing.T) {
	testtool.Long(t, "several daemons read a store")
	const messages = 6000
	n := startNode(t, "--store="+t.TempDir(), "--history-bytes=64KiB")
	live := n.subscribe(t, "/?last=100001")
	namespaces := []string{"/a", "/a/b", "/c", "/d/e/f"}
	publishMany(t, n, namespaces, 0, messages/2)
	then := time.Now()
	n.kill(t)
	n.again(t)
	testtool.WaitFor(t, "a time between the two halves that can be told", func() bool { return time.Since(then) > 2*time.Second })
	publishMany(t, n, namespaces, messages/2, messages)
	all := live.WaitData(t, fmt.Sprint(messages-1))
	if len(all) != messages {
		t.Fatalf("%d of %d messages came, and the gaps %+v", len(all), messages, live.Gaps())
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
			second := 0 // where the second half begins
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
				// What the store is asked for begins at a whole second.
				ask = strings.Replace(ask, "then", time.Since(then.Add(1300*time.Millisecond)).String(), 1)
				r := n.open(t, c.set+and+ask, "")
				got := r.WaitData(t, want[len(want)-1].Data)
				r.Close()
				if !slices.Equal(got, want[from:]) {
					t.Errorf("%s: %d messages, the first is %v, want %d from %v on", ask, len(got), got[0], len(want)-from, want[from])
				}
			}
		})
	}
}

// publishMany publishes numbers, in turn to each namespace, and wants OK for all.
func publishMany(t *testing.T, n *node, namespaces []string, from, to int) {
	t.Helper()
	p := testtool.DialPublisher(t, n.Publish[0])
	var lines strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&lines, "PUB %s - %d\n", namespaces[i%len(namespaces)], i)
	}
	go p.Conn.Write([]byte(lines.String())) // what it cannot send is not answered
	for i := from; i < to; i++ {
		if reply := p.Reply(t); reply != fmt.Sprintf("OK %d", i+1) {
			t.Fatalf("message %d was answered %q", i, reply)
		}
	}
}

// TestSecondDaemon on a store that another one holds.
func TestSecondDaemon(t *testing.T) {
	dir := t.TempDir()
	n := startNode(t, "--store="+dir)
	second := testtool.StartCommand(t, testtool.Build(t), "--listen="+own, "--publish=tcp://"+own, "--store="+dir)
	testtool.WaitFor(t, "the end of the second daemon", func() bool { return strings.Contains(second.Errors(), "\n") })
	said := second.Errors()
	if !strings.Contains(said, "another process uses this store") || !strings.Contains(said, dir) || strings.Count(said, "\n") != 1 {
		t.Errorf("the second daemon said %q", said)
	}
	if seq := n.ask(t, "PUB /a - b"); seq != 1 {
		t.Errorf("the first daemon's first message has the number %d", seq)
	}
	n.kill(t)
	n.again(t)
	if seq := n.ask(t, "PUB /a - b"); seq != 2 {
		t.Errorf("what came after has the number %d", seq)
	}
}
