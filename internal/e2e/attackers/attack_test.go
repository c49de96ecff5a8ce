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
	// headerTimeout is how long a head may take here, so that nobody waits for
	// the 10 s that are the default.
	headerTimeout = 2 * time.Second
	// lingerTime is how long the daemon lets a refused client read why.
	lingerTime = 2 * time.Second
	// grace is for slow machines: every wait below ends as soon as it can.
	grace = 8 * time.Second
	// atOnce is how long a message may take to the bystander. It takes a
	// millisecond as a rule; an attack that stalls the loop takes longer than
	// this.
	atOnce = 5 * time.Second
)

// The bound on memory. The parts are those of the daemon's structures, and it
// is the whole process that is held to their sum.
const (
	// connBytes is what a connection costs that is silent or subscribed: gnet's
	// connection and its two addresses, and our pendingConn or subscriber.
	connBytes = 1 << 10
	// headBytesMax is --head-max: what an unfinished head can hold.
	headBytesMax = 16 << 10
	// garbage: the collector lets the heap grow to twice of what is in use.
	garbage = 2
	// slack is what does not depend on the attack: the heap's arenas, gnet's
	// read buffer, stacks.
	slack = 16 << 20
)

// bound is how much the daemon may grow by in an attack with so many connections
// that hold so many bytes each, besides connBytes.
func bound(conns, bytesEach int) int64 {
	return int64(garbage*conns*(connBytes+bytesEach) + slack)
}

// common is where the bystander listens, and everybody who wants to be written
// to in the same walk.
const common = "/common"

// An attack is a daemon under attack, with a bystander that must not notice.
type attack struct {
	daemon *testtool.Daemon
	host   string        // host:port for subscribers
	peace  testtool.Load // before the attack

	*testtool.Bystander
	highest testtool.Load // that the bystander saw
}

// startAttack starts a daemon with args, and the bystander's listening.
func startAttack(t *testing.T, args ...string) *attack {
	t.Helper()
	d := testtool.Start(t, append([]string{"--header-timeout=" + headerTimeout.String(), "--max-publishers=100"}, args...)...)
	s := &attack{daemon: d, host: strings.TrimPrefix(d.Subscribe[0], "http://")}
	peace := make(chan testtool.Load, 1)
	s.Bystander = testtool.StartBystander(t, d, common, atOnce, func() error {
		now, err := testtool.LoadOf(d.Process.Pid)
		select {
		case peace <- now:
		default:
		}
		s.highest.Memory = max(s.highest.Memory, now.Memory)
		s.highest.Descriptors = max(s.highest.Descriptors, now.Descriptors)
		return err
	})
	select {
	case s.peace = <-peace:
	case <-time.After(testtool.Patience):
		t.Fatal("the bystander has no message")
	}
	return s
}

// wantGone waits until the daemon has dropped all of the attackers' connections,
// whatever these do, and fails if it has not within a time from now.
func (s *attack) wantGone(t *testing.T, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within + grace); ; time.Sleep(5 * time.Millisecond) {
		n, err := testtool.DescriptorsOf(s.daemon.Process.Pid)
		switch {
		case err != nil:
			t.Fatal(err)
		case n <= s.peace.Descriptors:
			return
		case time.Now().After(deadline):
			t.Fatalf("the daemon still has %d descriptors, %d more than in peace, after %v", n, n-s.peace.Descriptors, within+grace)
		}
	}
}

// wantNoOrphans waits until the kernel keeps nothing for the daemon's dead
// connections either.
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

// wantPeace is the end of every test: the daemon took no more memory than
// allowed, the bystander has noticed nothing, and who comes now is served.
func (s *attack) wantPeace(t *testing.T, growthMax int64) {
	t.Helper()
	s.End()
	growth := s.highest.Memory - s.peace.Memory
	t.Logf("memory: %d KiB, at most %d KiB more (%d allowed); descriptors: %d, at most %d; %d messages to the bystander, the slowest took %v",
		s.peace.Memory>>10, growth>>10, growthMax>>10, s.peace.Descriptors, s.highest.Descriptors, s.Messages, s.Slowest.Round(time.Millisecond))
	if growth > growthMax && !testtool.Race { // the race detector has its own ideas of memory
		t.Errorf("the daemon grew by %d KiB, %d are allowed", growth>>10, growthMax>>10)
	}
	newcomer := s.dial(t, 1)
	newcomer.send(t, get(common))
	stream := newcomer.wantStream(t)
	if err := testtool.RoundTrip(testtool.DialPublisher(t, s.daemon.Publish[0]), stream, common, "peace again", atOnce); err != nil {
		t.Errorf("a client that comes after the attack: %v", err)
	}
}

// get is a whole and ordinary request for a stream.
func get(namespace string) string {
	return "GET /subscribe" + namespace + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
}

// eachOf runs f for every attacker of a crowd, many at a time. Where many fail
// they fail alike, so it is the first who speaks for all.
func eachOf(t *testing.T, crowd []*attacker, f func(*attacker) error) {
	t.Helper()
	if n, err := testtool.AtATime(len(crowd), func(i int) error { return f(crowd[i]) }); err != nil {
		t.Errorf("%d of %d attackers: %v", n, len(crowd), err)
	}
}
