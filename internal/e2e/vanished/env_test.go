package vanished

import (
	"context"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// An env is a daemon in a network namespace of its own, with remotes that link to it.
type env struct {
	place
	daemon *testtool.Daemon
	ports  []string // for IPv4, IPv6, both
	say    *publish.Client
}

// newEnv starts a daemon that listens on IPv4, on IPv6, and on both.
func newEnv(t *testing.T, args ...string) *env {
	t.Helper()
	e := &env{place: newPlace(t)}
	testtool.Build(t) // not in there, where no network is
	e.In(t, func() {
		e.daemon = testtool.Start(t, append([]string{"--listen=0.0.0.0:0", "--listen=[::]:0", "--listen=:0", "--log-level=debug"}, args...)...)
		var err error
		if e.say, err = publish.Dial(t.Context(), e.daemon.Publish[0]); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { e.say.Close() })
	for _, url := range e.daemon.Subscribe {
		e.ports = append(e.ports, portOf(url))
	}
	return e
}

func portOf(url string) string { return url[strings.LastIndex(url, ":")+1:] }

// addresses are where the daemon can be reached from a remote.
func (e *env) addresses(r remote) []string {
	return []string{
		net.JoinHostPort(r.daemon4, e.ports[0]),
		net.JoinHostPort(r.daemon6, e.ports[1]),
		net.JoinHostPort(r.daemon4, e.ports[2]),
		net.JoinHostPort(r.daemon6, e.ports[2]),
	}
}

// publish publishes one message, from where the daemon is.
func (e *env) publish(t *testing.T, namespace, data string) {
	t.Helper()
	if err := e.send(namespace, data); err != nil {
		t.Fatal(err)
	}
}

func (e *env) send(namespace, data string) error {
	ctx, cancel := context.WithTimeout(context.Background(), testtool.Patience)
	defer cancel()
	_, err := e.say.Publish(ctx, sse.Message{Namespace: namespace, Data: []byte(data)})
	return err
}

// last is the data of each namespace's last message.
const last = "that was all"

func (e *env) publishLast(t *testing.T) {
	t.Helper()
	for _, namespace := range namespaces {
		e.publish(t, namespace, last)
	}
}

// descriptors counts those of the daemon.
func (e *env) descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", e.daemon.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

var disconnectLine = regexp.MustCompile(`(?m)^time=(\S+) .*msg="subscriber disconnected" reason=(\w+) client=(\S+) `)

// An end is what the log says of how a stream ended.
type end struct {
	reason string
	at     time.Time
}

// ends returns what the log says of ended streams, by the clients' addresses.
func (e *env) ends(t *testing.T) map[string]end {
	t.Helper()
	ends := map[string]end{}
	for _, found := range disconnectLine.FindAllStringSubmatch(e.daemon.Log(), -1) {
		at, err := time.Parse(time.RFC3339, found[1])
		if err != nil {
			t.Fatal(err)
		}
		ends[found[3]] = end{found[2], at}
	}
	return ends
}

// A subscriber has one stream. It reads only when it is asked to.
type subscriber struct {
	server, namespace string
	*testtool.Stream
}

func (s *subscriber) String() string { return "of " + s.namespace + " at " + s.server }

// subscribe opens a stream from p, and returns once its head is there. It is
// closed when the test ends.
func (p place) subscribe(t *testing.T, address, namespace string) *subscriber {
	t.Helper()
	s := &subscriber{server: address, namespace: namespace}
	p.In(t, func() {
		conn, err := testtool.Dialer{}.Dial(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if s.Stream, err = testtool.Get(conn, "/subscribe"+namespace); err == nil {
			err = s.Check()
		}
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	})
	return s
}

// address is what the daemon calls it.
func (s *subscriber) address() string { return s.Conn.LocalAddr().String() }

// readAll reads messages whose data begin with their numbers, from 0 on, each
// exactly once and in order, up to the last. It returns how many there were.
func (s *subscriber) readAll() (messages int, err error) {
	var c ledger.Counter
	for {
		frame, err := s.Frame()
		if err != nil || frame == "data:"+last+"\n\n" {
			return c.Messages, err
		}
		number := -1
		if _, err := fmt.Sscanf(frame, "data:%d ", &number); err != nil {
			return c.Messages, fmt.Errorf("%.40q has no number: %w", frame, err)
		}
		if err := c.Message(number); err != nil {
			return c.Messages, err
		}
	}
}
