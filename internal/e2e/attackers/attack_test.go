package attackers

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

const (
	// headerTimeout is the timeout of a request head in these tests. The default of 10 s would make
	// them slow.
	headerTimeout = 2 * time.Second
	// lingerTime is how long the daemon leaves a refused connection open, so that the client can
	// read the response.
	lingerTime = 2 * time.Second
	// grace allows for slow machines. Waits return early if they can.
	grace = 8 * time.Second
	// atOnce limits how long a message may take to the bystander. It usually takes a millisecond;
	// an attack that stalls the loop delays it by more than this.
	atOnce = 5 * time.Second
)

// The bound on memory. Its parts describe the daemon's structures, but the test compares the memory
// of the whole process with their sum.
const (
	// connBytes is the cost of a silent or subscribed connection: gnet's connection and its two
	// addresses, and the daemon's pendingConn or subscriber.
	connBytes = 1 << 10
	// headBytesMax is --head-max, the most that an unfinished head can hold.
	headBytesMax = 16 << 10
	// garbage is 2, because the collector lets the heap grow to twice the size in use.
	garbage = 2
	// slack is memory that does not depend on the attack: the heap's arenas, gnet's read buffer,
	// stacks.
	slack = 16 << 20
)

// bound returns how much the daemon's memory may grow during an attack with conns connections that
// hold bytesEach bytes each, in addition to connBytes.
func bound(conns, bytesEach int) int64 {
	return int64(garbage*conns*(connBytes+bytesEach) + slack)
}

// common is the namespace of the bystander, and of every attacker that the daemon writes to in the
// same walk over its subscribers.
const common = "/common"

// An attack is a daemon under attack, and a bystander that must not notice the attack.
type attack struct {
	daemon *testtool.Daemon
	host   string        // host:port for subscribers
	idle   testtool.Load // the daemon's load before the attack

	*testtool.Bystander
	highest testtool.Load // the highest load during the attack
}

// startAttack starts a daemon with args, and a bystander that listens to it.
func startAttack(t *testing.T, args ...string) *attack {
	t.Helper()
	d := testtool.Start(t, append([]string{"--header-timeout=" + headerTimeout.String(), "--max-publishers=100"}, args...)...)
	s := &attack{daemon: d, host: strings.TrimPrefix(d.Subscribe[0], "http://")}
	idle := make(chan testtool.Load, 1)
	s.Bystander = testtool.StartBystander(t, d, common, atOnce, func() error {
		now, err := testtool.LoadOf(d.Process.Pid)
		select {
		case idle <- now:
		default:
		}
		s.highest.Memory = max(s.highest.Memory, now.Memory)
		s.highest.Descriptors = max(s.highest.Descriptors, now.Descriptors)
		return err
	})
	select {
	case s.idle = <-idle:
	case <-time.After(testtool.Patience):
		t.Fatal("the bystander received no message")
	}
	return s
}

// wantGone waits until the daemon has closed all connections of the attackers. It fails the test
// after the given time and grace.
func (s *attack) wantGone(t *testing.T, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within + grace); ; time.Sleep(5 * time.Millisecond) {
		n, err := testtool.DescriptorsOf(s.daemon.Process.Pid)
		switch {
		case err != nil:
			t.Fatal(err)
		case n <= s.idle.Descriptors:
			return
		case time.Now().After(deadline):
			t.Fatalf("the daemon still has %d descriptors after %v, %d more than before the attack", n, within+grace, n-s.idle.Descriptors)
		}
	}
}

// wantNoOrphans waits until the kernel holds no unsent bytes for connections that the daemon has
// closed.
func (s *attack) wantNoOrphans(t *testing.T, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within + grace); ; time.Sleep(20 * time.Millisecond) {
		n, err := testtool.SocketsIn(testtool.FinWait1, s.host)
		switch {
		case err != nil:
			t.Fatal(err)
		case n == 0:
			return
		case time.Now().After(deadline):
			t.Errorf("the kernel still holds unsent bytes of %d connections that the daemon has closed, after %v", n, within+grace)
			return
		}
	}
}

// wantUnharmed ends every test. It checks that the daemon used no more memory than allowed, that
// the bystander received every message in time, and that a new client is served.
func (s *attack) wantUnharmed(t *testing.T, growthMax int64) {
	t.Helper()
	s.End()
	growth := s.highest.Memory - s.idle.Memory
	t.Logf("memory: %d KiB, at most %d KiB more (%d allowed); descriptors: %d, at most %d; %d messages to the bystander, the slowest took %v",
		s.idle.Memory>>10, growth>>10, growthMax>>10, s.idle.Descriptors, s.highest.Descriptors, s.Messages, s.Slowest.Round(time.Millisecond))
	if growth > growthMax && !testtool.Race { // the race detector needs more memory
		t.Errorf("the daemon's memory grew by %d KiB, want at most %d", growth>>10, growthMax>>10)
	}
	newcomer := s.dial(t, 1)
	newcomer.send(t, get(common))
	stream := newcomer.wantStream(t)
	if err := testtool.RoundTrip(testtool.DialPublisher(t, s.daemon.Publish[0]), stream, common, "after the attack", atOnce); err != nil {
		t.Errorf("a client that comes after the attack: %v", err)
	}
}

// get returns a complete, ordinary request for a stream.
func get(namespace string) string {
	return "GET /subscribe" + namespace + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
}

// eachOf runs f for every attacker of a crowd, many at a time. It reports only the first error,
// because attackers usually fail alike.
func eachOf(t *testing.T, crowd []*attacker, f func(*attacker) error) {
	t.Helper()
	if n, err := testtool.AtATime(len(crowd), func(i int) error { return f(crowd[i]) }); err != nil {
		t.Errorf("%d of %d attackers: %v", n, len(crowd), err)
	}
}
