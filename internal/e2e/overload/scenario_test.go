package overload

import (
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// atOnce limits how long a message may take to the bystander. It usually takes a millisecond; the
// limit allows for slow machines.
const atOnce = 5 * time.Second

// A scenario is a daemon with too much load, and a bystander that must not notice it.
type scenario struct {
	daemon *testtool.Daemon
	place  place // where subscribers connect
	client *publish.Client
	limits limits
	dialed atomic.Int64

	*testtool.Bystander
}

// open starts a daemon with limits and args, and a bystander that listens to it. If args set
// limits, l must contain them.
func open(t *testing.T, l limits, args ...string) *scenario {
	t.Helper()
	return openWith(t, testtool.Start(t, append(l.flags(), args...)...), l)
}

// openWith is like open, with a running daemon.
func openWith(t *testing.T, d *testtool.Daemon, l limits) *scenario {
	t.Helper()
	s := &scenario{daemon: d, limits: l}
	s.place.address = strings.TrimPrefix(strings.TrimPrefix(d.Subscribe[0], "http://"), "unix://")
	s.client = s.dial(t)
	s.Bystander = testtool.StartBystander(t, d, "/elsewhere", atOnce, func() error { return nil })
	return s
}

func (s *scenario) dial(t *testing.T) *publish.Client {
	t.Helper()
	client, err := publish.Dial(t.Context(), s.daemon.Publish[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// crowd subscribes n times to a script's namespace, from several addresses, because one address has
// too few ports for some crowds.
func (s *scenario) crowd(t *testing.T, n int, p place, script script) []*reader {
	t.Helper()
	all := make([]*reader, n)
	if failed, err := testtool.AtATime(n, func(i int) (err error) {
		from := p
		if from.From == nil && !strings.HasPrefix(p.address, "/") {
			from.From = net.IPv4(127, 0, 67, byte(1+s.dialed.Add(1)%8))
		}
		all[i], err = from.subscribe(t, script)
		return err
	}); err != nil {
		t.Fatalf("%d of %d subscribers could not subscribe: %v", failed, n, err)
	}
	return all
}

// audience subscribes like crowd, and lets the subscribers read in the background.
func (s *scenario) audience(t *testing.T, n int, script script) []*reader {
	t.Helper()
	all := s.crowd(t, n, s.place, script)
	start(all)
	return all
}

// start lets readers read in the background.
func start(readers []*reader) {
	for _, r := range readers {
		go r.run()
	}
}

// publish publishes the messages of a script in [from, to), and returns after all were answered OK.
func (s *scenario) publish(t *testing.T, script script, from, to int) {
	t.Helper()
	var failed atomic.Pointer[error]
	for n := from; n < to; n++ {
		if err := s.client.PublishAsync(t.Context(), script.message(n), func(_ uint64, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		}); err != nil {
			t.Fatalf("cannot publish: %v", err)
		}
	}
	if err := s.client.Ping(t.Context()); err != nil {
		t.Fatalf("cannot publish: %v", err)
	}
	if err := failed.Load(); err != nil {
		t.Fatalf("a message was refused: %v", *err)
	}
}

// play publishes the messages of a script in steps of stepBytes. It waits until the readers have
// received a step before it publishes the next. So the readers never lag further than that, even on
// a slow machine.
func (s *scenario) play(t *testing.T, script script, from, to, stepBytes int, readers []*reader) {
	t.Helper()
	step := max(1, stepBytes/script.frameBytes())
	for ; from < to; from += step {
		until := min(to, from+step)
		s.publish(t, script, from, until)
		wantAll(t, readers, until)
	}
}

// wantUnharmed ends most tests. It checks that the daemon used no more memory than its limits
// allow, that the bystander received every message in time, and that new subscribers are served.
func (s *scenario) wantUnharmed(t *testing.T) {
	t.Helper()
	s.End()
	s.limits.wantMemory(t, s.daemon.Process.Pid)
	t.Logf("%d messages to the bystander, the slowest took %v", s.Messages, s.Slowest.Round(time.Millisecond))
	after := script{"/afterwards", 1000}
	newcomers := s.audience(t, 3, after)
	s.play(t, after, 0, 100, 1<<20, newcomers)
}
