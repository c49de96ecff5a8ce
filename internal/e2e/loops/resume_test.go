package loops

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// streamsEach is the least number of streams of each subscriber in TestResumeOnAnotherLoop.
const streamsEach = 8

// TestResumeOnAnotherLoop disconnects subscribers again and again while publishers are busy. The
// subscribers reconnect with their newest id, to whichever loop the kernel chooses. It verifies
// that each of them has been on several loops, and got every message once, in order and with the
// number that its publisher got.
func TestResumeOnAnotherLoop(t *testing.T) {
	for name, flag := range map[string]string{
		"from memory":  "--history=100000",
		"from a store": "--store=" + t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) {
			d := testtool.Start(t, "--loops=3", "--log-level=debug", flag)
			subscribers := make([]*ledger.Subscriber, 20)
			for i := range subscribers {
				target := fmt.Sprintf("/subscribe?ns=/w&ns=/own/%d", i)
				subscribers[i] = ledger.StartSubscriber(t, ledger.SubscriberOptions{URL: d.Subscribe[0] + target})
			}
			testtool.WaitFor(t, "all to subscribe", func() bool { return len(loopsUsed(d)) == len(subscribers) })
			var publishers []*ledger.Publisher
			for i := range 4 {
				publishers = append(publishers, ledger.StartPublisher(t, ledger.PublisherOptions{
					URL: d.Publish[0], Namespace: fmt.Sprintf("/w/%d", i), Padding: 500,
					Messages: ledger.Endless, Batch: 20, Interval: 5 * time.Millisecond,
				}))
			}
			for _, s := range subscribers {
				s.WaitCount(t, 1) // without an id, it would not get the messages that it misses
			}
			testtool.WaitFor(t, "all to move between loops", func() bool {
				disconnectAll(t, d)
				return allMoved(d, len(subscribers))
			})
			audit := ledger.Audit{Ledgers: append(ledger.Stop(t, publishers...), publishEnd(t, d)), InOrder: true}
			for _, s := range subscribers {
				s.WaitData(t, theEnd)
				s.Verify(t, audit)
			}
		})
	}
}

// theEnd is the data of the last message.
const theEnd = "the end"

// publishEnd publishes the last message.
func publishEnd(t *testing.T, d *testtool.Daemon) *ledger.Ledger {
	t.Helper()
	var sequence uint64
	reply := testtool.DialPublisher(t, d.Publish[0]).Ask(t, "PUB /w - "+theEnd)
	if _, err := fmt.Sscanf(reply, "OK %d", &sequence); err != nil {
		t.Fatalf("the last message was answered %q", reply)
	}
	end := &ledger.Ledger{}
	end.Ack(theEnd, sequence)
	return end
}

// connectLine matches the log line about a new subscriber. The subscribers have different
// namespaces.
var connectLine = regexp.MustCompile(`msg="subscriber connected" loop=(\d+) client=\S+ namespaces=(\S+) `)

// loopsUsed returns how many streams each loop has opened for each subscriber, by its namespaces.
func loopsUsed(d *testtool.Daemon) map[string]map[string]int {
	used := map[string]map[string]int{}
	for _, found := range connectLine.FindAllStringSubmatch(d.Log(), -1) {
		loop, namespaces := found[1], found[2]
		if used[namespaces] == nil {
			used[namespaces] = map[string]int{}
		}
		used[namespaces][loop]++
	}
	return used
}

// allMoved reports whether all subscribers have reconnected often enough, to two loops or more.
func allMoved(d *testtool.Daemon, subscribers int) bool {
	used := loopsUsed(d)
	for _, loops := range used {
		streams := 0
		for _, n := range loops {
			streams += n
		}
		if len(loops) < 2 || streams < streamsEach {
			return false
		}
	}
	return len(used) == subscribers
}

// disconnectAll disconnects all subscribers, like an operator.
func disconnectAll(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	_, _, text := testtool.Fetch(t, d.Admin+"status.json")
	var status struct{ Connections []struct{ ID int64 } }
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatal(err)
	}
	for _, c := range status.Connections {
		answer, err := http.PostForm(d.Admin+"disconnect", url.Values{"id": {fmt.Sprint(c.ID)}})
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
}
