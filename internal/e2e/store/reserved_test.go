package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestReservedEventsInTheStore stores messages with an event name that is reserved after a restart
// with other flags. It verifies that they are skipped, from memory and from the stream, and that
// the other messages are delivered.
func TestReservedEventsInTheStore(t *testing.T) {
	dir := t.TempDir()
	n := startNode(t, "--store="+dir, "--gap-event=hole")
	p := testtool.DialPublisher(t, n.Publish[0])
	var want []string
	add := func(event, data string) {
		askOn(t, p, "PUB /pets "+event+" "+data)
		if event != "gap" {
			want = append(want, fmt.Sprintf("%s %q", event, data))
		}
	}
	add("begin", "-")
	add("gap", "early")
	for i := range 50 {
		add("new-dog", fmt.Sprint(i, strings.Repeat("x", 200))) // memory has 1 KiB
	}
	add("gap", "late")
	add("new-dog", "Corgi")
	if reply := p.Ask(t, "KEY k"); reply != "OK" {
		t.Fatal(reply)
	}
	for _, line := range []string{"PUB /pets hole x", "PUBN /pets hole 1\nx"} {
		if reply := p.Ask(t, line); !strings.HasPrefix(reply, "ERR event ") {
			t.Errorf("%q: %q", line, reply)
		}
	}
	if code := n.Stop(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}

	n = startNode(t, "--store="+dir, "--history-bytes=1KiB")
	n.waitForLog(t, "skipped an undeliverable message", "--gap-event")
	r := n.subscribe(t, "/pets?last=1000")
	testtool.WaitFor(t, "all of the store", func() bool {
		got := events(r.Messages())
		return len(got) > 0 && got[len(got)-1] == want[len(want)-1]
	})
	if got := events(r.Messages()); !slices.Equal(got, want) || len(r.Gaps()) > 0 {
		t.Errorf("after the restart, received\n%q, want\n%q, and the gaps %+v", got, want, r.Gaps())
	}
	if _, metrics := n.get(t, "/metrics"); !strings.Contains(metrics, "\nssed_store_undeliverable_total 2\n") {
		t.Error("the metrics do not report 2 undeliverable messages")
	}
}
