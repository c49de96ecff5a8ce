package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
	"github.com/ssed/ssed/nsindex"
)

// A foreign is a message that another program publishes directly to NATS.
type foreign struct {
	name    string
	subject string
	header  nats.Header
	data    string
	event   string // the event that a subscriber receives; empty if it receives nothing
	at      string // the namespace of the subject
}

var foreignMessages = []foreign{
	{name: "from nats pub", subject: "ssed.pets.dogs", data: "Corgi", event: "message", at: "/pets/dogs"},
	{name: "with an event", subject: "ssed.pets.dogs", header: nats.Header{"Ssed-Event": {"new-dog"}}, data: "Terrier", event: "new-dog", at: "/pets/dogs"},
	{name: "not UTF-8", subject: "ssed.pets.dogs", data: "Corgi \xff"},
	{name: "too long", subject: "ssed.pets.dogs", data: strings.Repeat("x", 1025)},
	{name: "of the maximum length", subject: "ssed.pets.dogs", data: strings.Repeat("x", 1024), event: "message", at: "/pets/dogs"},
	{name: "a subject without a namespace", subject: "ssed.%41", data: "an A"},
	{name: "an escape in lower case", subject: "ssed.a%2e", data: "a dot"},
	{name: "an escape", subject: "ssed.pets.a%2Eb", data: "a dot", event: "message", at: "/pets/a.b"},
	{name: "an event with a line break", subject: "ssed.pets", header: nats.Header{"Ssed-Event": {"a%0Adata:b"}}, data: "injected"},
	{name: "other headers", subject: "ssed.pets", header: nats.Header{"X-Other": {"a"}, "Nats-Msg-Id": {"k"}}, data: "b", event: "message", at: "/pets"},
	{name: "an event that is not UTF-8", subject: "ssed.pets", header: nats.Header{"Ssed-Event": {"\xff"}}, data: "c"},
	{name: "a reserved event", subject: "ssed.pets", header: nats.Header{"Ssed-Event": {"gap"}}, data: "{}"},
	{name: "several lines", subject: "ssed.pets", data: "one\ntwo\n\nid:3", event: "message", at: "/pets"},
	{name: "no data", subject: "ssed.pets", event: "message", at: "/pets"},
	{name: "the root namespace", subject: "ssed", data: "root", event: "message", at: "/"},
	{name: "another stream", subject: "other.pets", data: "of another stream"},
}

// TestNATSClientPublishes publishes directly to NATS. It verifies that all valid messages are
// delivered, live and on request, from memory and from the stream, and that the others are skipped.
func TestNATSClientPublishes(t *testing.T) {
	natsServer := natstest.Start(t)
	n := startNode(t, "--nats="+natsServer.URL, "--data-max=1KiB", "--history-bytes=1KiB")
	n.waitForLog(t, "store replayed")
	live := n.subscribe(t, "/")
	n.ask(t, "PUB /pets begin -")
	live.WaitData(t, "-")
	conn, _ := natsServer.Connect(t)
	want := map[string][]string{"/": nil, "/pets": nil, "/pets/dogs": nil, "/pets/a.b": nil} // events and data, by subscription set
	undeliverable := 0
	for _, f := range foreignMessages {
		if err := conn.PublishMsg(&nats.Msg{Subject: f.subject, Header: f.header, Data: []byte(f.data)}); err != nil {
			t.Fatal(err)
		}
		if f.event == "" {
			undeliverable++
			continue
		}
		received := fmt.Sprintf("%s %q", f.event, f.data)
		for set := range want {
			if nsindex.Within([]byte(f.at), set) {
				want[set] = append(want[set], received)
			}
		}
	}
	if err := conn.FlushTimeout(testtool.Patience); err != nil {
		t.Fatal(err)
	}
	end := n.ask(t, "PUB / - end")
	received := events(live.WaitData(t, "end"))
	if !slices.Equal(received[1:len(received)-1], want["/"]) {
		t.Errorf("the live subscriber received\n%q, want\n%q", received[1:len(received)-1], want["/"])
	}
	if want := uint64(len(foreignMessages) + 1); end != want { // all but the one to another stream
		t.Errorf("the last message has the sequence %d, want %d, which counts the undeliverable ones", end, want)
	}
	first := live.Messages()[0].ID.String()
	for set, want := range want {
		for _, from := range []string{first, ""} {
			r := n.open(t, set+"?last=100001", from)
			last := want[len(want)-1]
			testtool.WaitFor(t, fmt.Sprintf("%s of %s", last, set), func() bool { return slices.Contains(events(r.Messages()), last) })
			got := events(r.Messages())
			if from == "" && got[0] == `begin "-"` {
				got = got[1:]
			}
			if !slices.Equal(got[:min(len(got), len(want))], want) {
				t.Errorf("%s after %q: received\n%q, want\n%q", set, from, got, want)
			}
			if len(r.Gaps()) > 0 {
				t.Errorf("%s: unexpected gap events: %+v", set, r.Gaps())
			}
		}
	}
	if len(live.Gaps()) > 0 || live.State().Streams != 1 {
		t.Errorf("the live subscriber had %d connections and the gaps %+v", live.State().Streams, live.Gaps())
	}
	n.wantUndeliverable(t, conn, undeliverable-1)
}

// wantUndeliverable checks that the log and the metrics report the number of undeliverable
// messages. The log has at most one line a second, because a program that publishes one such
// message may publish thousands.
func (n *node) wantUndeliverable(t *testing.T, conn *nats.Conn, want int) {
	t.Helper()
	n.waitForLog(t, "level=WARN", "skipped an undeliverable message", "ssed.pets.dogs", "messages=1\n")
	if _, metrics := n.get(t, "/metrics"); !strings.Contains(metrics, fmt.Sprintf("\nssed_store_undeliverable_total %d\n", want)) {
		t.Errorf("the metrics do not have %d undeliverable messages", want)
	}
	again := 0
	testtool.WaitFor(t, "a second line that counts them", func() bool {
		if again++; conn.Publish("ssed.pets", []byte{0xff}) != nil || conn.FlushTimeout(testtool.Patience) != nil {
			t.Fatal("the test's own connection is broken")
		}
		return n.Logged("level=WARN", "skipped an undeliverable message") > 1
	})
	counted := 0
	for line := range strings.Lines(n.Log()) {
		if _, number, ok := strings.Cut(line, "messages="); ok && strings.Contains(line, "undeliverable") {
			scan(number, "%d", &counted)
		}
	}
	if counted <= want || counted > want+again {
		t.Errorf("the log counts %d undeliverable messages, want %d and up to %d more", counted, want, again)
	}
}

// events returns the event and the data of messages.
func events(messages []ledger.Message) (events []string) {
	for _, m := range messages {
		events = append(events, fmt.Sprintf("%s %q", m.Event, m.Data))
	}
	return events
}

// TestNATSClientReads verifies the subject, the headers and the data of messages that ssed
// publishes to NATS.
func TestNATSClientReads(t *testing.T) {
	natsServer := natstest.Start(t)
	n := startNode(t, "--nats="+natsServer.URL, "--nats-stream=news")
	p := testtool.DialPublisher(t, n.Publish[0])
	conn, _ := natsServer.Connect(t)
	received := make(chan *nats.Msg, 1)
	for _, subject := range []string{"news", "news.>"} {
		if _, err := conn.ChanSubscribe(subject, received); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.FlushTimeout(testtool.Patience); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line, subject string
		header        nats.Header
		data          string
	}{
		{"PUB /pets/dogs - Corgi", "news.pets.dogs", nil, "Corgi"},
		{"PUB /pets/dogs new-dog Corgi", "news.pets.dogs", nats.Header{"Ssed-Event": {"new-dog"}}, "Corgi"},
		{"PUB / 50% off", "news", nats.Header{"Ssed-Event": {"50%25"}}, "off"},
		{"PUB /a.b/*/> - é", "news.a%2Eb.%2A.%3E", nil, "é"},
		{"KEY k-1\nPUB /a e d", "news.a", nats.Header{"Ssed-Event": {"e"}, "Nats-Msg-Id": {"k-1"}}, "d"},
	} {
		p.Send(t, c.line+"\n")
		if strings.HasPrefix(c.line, "KEY") && p.Reply(t) != "OK" {
			t.Fatalf("%q was refused", c.line)
		}
		var seq uint64
		if reply := p.Reply(t); !scan(reply, "OK %d", &seq) {
			t.Fatalf("%q was answered %q", c.line, reply)
		}
		var m *nats.Msg
		select {
		case m = <-received:
		case <-time.After(testtool.Patience):
			t.Fatalf("NATS did not deliver the message of %q", c.line)
		}
		if m.Subject != c.subject || string(m.Data) != c.data || fmt.Sprint(m.Header) != fmt.Sprint(c.header) {
			t.Errorf("NATS delivered %q as %s %v %q, want %s %v %q", c.line, m.Subject, m.Header, m.Data, c.subject, c.header, c.data)
		}
	}
}
