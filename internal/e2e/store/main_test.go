package store

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// own is a loopback address that only these tests use. On 127.0.0.1, another process could get the
// port while no daemon runs.
const own = "127.0.97.1:0"

// A node is a daemon that can be restarted on the same addresses.
type node struct {
	*testtool.Daemon
	flags []string
}

// startNode starts a daemon. After a restart, its publishers and subscribers find it on the same
// ports.
func startNode(t *testing.T, flags ...string) *node {
	t.Helper()
	d := testtool.Start(t, append([]string{"--listen=" + own, "--publish=tcp://" + own}, flags...)...)
	_, address, _ := strings.Cut(d.Subscribe[0], "://")
	return &node{d, append([]string{"--listen=" + address, "--publish=" + d.Publish[0]}, flags...)}
}

// kill kills the daemon without warning.
func (n *node) kill(t *testing.T) {
	t.Helper()
	n.Process.Kill()
	n.Wait(t)
}

// again starts the stopped daemon again.
func (n *node) again(t *testing.T) {
	t.Helper()
	n.Daemon = testtool.Start(t, n.flags...)
}

// stream returns the URL of a subscription, such as "/pets?last=1".
func (n *node) stream(rest string) string { return n.Subscribe[0] + "/subscribe" + rest }

// subscribe starts a subscriber of a subscription, such as "/pets?last=1". It returns when the
// daemon has accepted the subscriber, which may have to retry at first.
func (n *node) subscribe(t *testing.T, rest string) *ledger.Subscriber {
	return n.subscribeAfter(t, rest, "")
}

// subscribeAfter is like subscribe, with a Last-Event-ID.
func (n *node) subscribeAfter(t *testing.T, rest, lastID string) *ledger.Subscriber {
	t.Helper()
	s := n.open(t, rest, lastID)
	n.waitSubscribed(t, s)
	return s
}

// open is like subscribeAfter, but does not wait.
func (n *node) open(t *testing.T, rest, lastID string) *ledger.Subscriber {
	t.Helper()
	return ledger.StartSubscriber(t, ledger.SubscriberOptions{URL: n.stream(rest), LastEventID: lastID})
}

// waitSubscribed waits until the daemon has accepted a subscriber.
func (n *node) waitSubscribed(t *testing.T, s *ledger.Subscriber) {
	t.Helper()
	testtool.WaitFor(t, "a subscription to "+s.URL, func() bool {
		from := s.State().Address
		return from != "" && n.Logged(`msg="subscriber connected"`, "client="+from+" ") > 0
	})
}

// write starts publishers, each in its own namespace below "/", for the given number of messages
// each. Half of them use keys.
func write(t *testing.T, url string, publishers, messages int) (crew []*ledger.Publisher) {
	t.Helper()
	for i := range publishers {
		crew = append(crew, ledger.StartPublisher(t, ledger.PublisherOptions{
			URL: url, Namespace: fmt.Sprintf("/w%d", i), Event: "n", Keyed: i%2 == 1, Messages: messages,
		}))
	}
	return crew
}

// publishEnd publishes the last message of a namespace, "end of <namespace>".
func (n *node) publishEnd(t *testing.T, namespace string) *ledger.Ledger {
	t.Helper()
	l := &ledger.Ledger{}
	l.Ack("end of "+namespace, n.ask(t, "PUB "+namespace+" - end of "+namespace))
	return l
}

// health returns the answer of the health check for load balancers.
func (n *node) health(t *testing.T) (status int, words string) { return n.get(t, "/admin/healthz") }

func (n *node) get(t *testing.T, path string) (status int, words string) {
	t.Helper()
	status, _, words = testtool.Fetch(t, n.Subscribe[0]+path)
	return status, words
}

// waitForHealth waits until the health check has a status, and checks that its text contains a
// word.
func (n *node) waitForHealth(t *testing.T, status int, word string) {
	t.Helper()
	words := ""
	testtool.WaitFor(t, fmt.Sprintf("status %d of healthz", status), func() bool {
		var now int
		now, words = n.health(t)
		return now == status
	})
	// /healthz on the subscribers' port must have the same status, and the same text without its
	// cause.
	testtool.WaitFor(t, fmt.Sprintf("status %d of /healthz, and the text %q", status, words), func() bool {
		own, public := n.get(t, "/healthz")
		_, words = n.health(t)
		return own == status && strings.HasPrefix(strings.TrimSpace(words), strings.TrimSpace(public))
	})
	if !strings.Contains(words, word) {
		t.Errorf("healthz has status %d and the text %q, want one with %q", status, words, word)
	}
}

// ask publishes one line, which must be answered OK, and returns its sequence.
func (n *node) ask(t *testing.T, line string) (seq uint64) {
	t.Helper()
	return askOn(t, testtool.DialPublisher(t, n.Publish[0]), line)
}

func askOn(t *testing.T, p *testtool.Publisher, line string) (seq uint64) {
	t.Helper()
	if reply := p.Ask(t, line); !scan(reply, "OK %d", &seq) {
		t.Fatalf("%.40q was answered %q", line, reply)
	}
	return seq
}

// waitForLog waits for a line of the daemon's log that contains all of these words.
func (n *node) waitForLog(t *testing.T, words ...string) {
	t.Helper()
	testtool.WaitFor(t, fmt.Sprintf("a line of the log with %q", words), func() bool { return n.Logged(words...) > 0 })
}

func scan(text, format string, values ...any) bool {
	n, err := fmt.Sscanf(text, format, values...)
	return err == nil && n == len(values)
}
