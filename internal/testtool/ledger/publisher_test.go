package ledger

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A fakeDaemon answers publishers. It refuses every third attempt to publish. At every seventh, it
// stores the message but closes the connection instead of replying.
type fakeDaemon struct {
	mu       sync.Mutex
	messages map[string]uint64 // sequences by data
	attempts int
	order    []string // data of all attempts
}

func (d *fakeDaemon) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		reply := "OK"
		switch verb, rest, _ := strings.Cut(lines.Text(), " "); verb {
		case "PING":
			reply = "PONG"
		case "PUB":
			if reply = d.publish(strings.SplitN(rest, " ", 3)[2]); reply == "" {
				return
			}
		}
		fmt.Fprintln(conn, reply)
	}
}

func (d *fakeDaemon) publish(data string) (reply string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempts++
	d.order = append(d.order, data)
	if d.attempts%3 == 0 {
		return "ERR busy try again"
	}
	if d.messages[data] == 0 {
		d.messages[data] = uint64(len(d.messages) + 1)
	}
	if d.attempts%7 == 0 {
		return ""
	}
	return fmt.Sprint("OK ", d.messages[data])
}

// TestPublisherRecordsReplies verifies that the ledger contains the acknowledgements of the daemon,
// and that a publisher with keys continues until all messages are acknowledged.
func TestPublisherRecordsReplies(t *testing.T) {
	for _, keyed := range []bool{false, true} {
		t.Run(fmt.Sprintf("keyed %v", keyed), func(t *testing.T) {
			d := &fakeDaemon{messages: map[string]uint64{}}
			url := "tcp://" + testtool.Listen(t, d.serve).Addr().String()
			p := StartPublisher(t, PublisherOptions{URL: url, Namespace: "/n", Keyed: keyed, Messages: 50})
			testtool.WaitFor(t, "the publisher to send all messages", func() bool {
				sent, _ := p.Ledger.Counts()
				return sent == 50
			})
			Stop(t, p)
			sent, acked := p.Ledger.Counts()
			if stats := p.Stats(); stats.Busy == 0 || stats.Broken == 0 || stats.Dials < 2 || stats.LastBusy != "try again" || keyed != (acked == sent) {
				t.Errorf("%d of %d messages are acknowledged, %+v", acked, sent, stats)
			}
			d.mu.Lock() // a closed connection may still deliver lines
			defer d.mu.Unlock()
			got, _ := Audit{Ledgers: []*Ledger{p.Ledger}}.entries()
			for data, e := range got {
				if e.sequence != 0 && e.sequence != d.messages[data] {
					t.Errorf("%q was acknowledged as %d, but is recorded as %d", data, d.messages[data], e.sequence)
				}
			}
			if again := len(d.order) - len(got); keyed != (again > 0) {
				t.Errorf("%d messages were sent again", again)
			}
		})
	}
}
