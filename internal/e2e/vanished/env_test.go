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

// An env is a daemon in its own network namespace, with links to remotes.
type env struct {
	place
	daemon    *testtool.Daemon
	ports     []string // for IPv4, IPv6, both
	publisher *publish.Client
}

// newEnv starts a daemon that listens on IPv4, on IPv6, and on both.
func newEnv(t *testing.T, args ...string) *env {
	t.Helper()
	e := &env{place: newPlace(t)}
	testtool.Build(t) // before entering the namespace, which has no internet
	e.In(t, func() {
		e.daemon = testtool.Start(t, append([]string{"--listen=0.0.0.0:0", "--listen=[::]:0", "--listen=:0", "--log-level=debug"}, args...)...)
		var err error
		if e.publisher, err = publish.Dial(t.Context(), e.daemon.Publish[0]); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { e.publisher.Close() })
	for _, url := range e.daemon.Subscribe {
		e.ports = append(e.ports, portOf(url))
	}
	return e
}

func portOf(url string) string { return url[strings.LastIndex(url, ":")+1:] }

// addresses returns the addresses at which a remote can reach the daemon.
func (e *env) addresses(r remote) []string {
	return []string{
		net.JoinHostPort(r.daemon4, e.ports[0]),
		net.JoinHostPort(r.daemon6, e.ports[1]),
		net.JoinHostPort(r.daemon4, e.ports[2]),
		net.JoinHostPort(r.daemon6, e.ports[2]),
	}
}

// publish publishes one message from the daemon's namespace.
func (e *env) publish(t *testing.T, namespace, data string) {
	t.Helper()
	if err := e.send(namespace, data); err != nil {
		t.Fatal(err)
	}
}

func (e *env) send(namespace, data string) error {
	ctx, cancel := context.WithTimeout(context.Background(), testtool.Patience)
	defer cancel()
	_, err := e.publisher.Publish(ctx, sse.Message{Namespace: namespace, Data: []byte(data)})
	return err
}

// last is the data of the last message of each namespace.
const last = "that was all"

func (e *env) publishLast(t *testing.T) {
	t.Helper()
	for _, namespace := range namespaces {
		e.publish(t, namespace, last)
	}
}

// descriptors returns the number of the daemon's open descriptors.
func (e *env) descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", e.daemon.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

var disconnectLine = regexp.MustCompile(`(?m)^time=(\S+) .*msg="subscriber disconnected"(?: loop=\d+)? reason=(\w+) client=(\S+) `)

// An end is a log entry about the end of a stream.
type end struct {
	reason string
	at     time.Time
}

// ends returns the ends in the log, by the clients' addresses.
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

// A subscriber has one stream, and reads only when readAll is called.
type subscriber struct {
	server, namespace string
	*testtool.Stream
}

func (s *subscriber) String() string { return "of " + s.namespace + " at " + s.server }

// subscribe opens a stream from p, and returns when the response head has arrived. The stream is
// closed at the end of the test.
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

// address returns the client's address as the daemon logs it.
func (s *subscriber) address() string { return s.Conn.LocalAddr().String() }

// readAll reads messages up to the last one. Their data must begin with their numbers, from 0, each
// once and in order. It returns how many there were.
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
