package attackers

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// slowHTTP runs slowhttptest against the daemon with many connections, and
// returns what it prints. It ends when it has no connection left, at the latest
// after 20 s.
func (s *attack) slowHTTP(t *testing.T, args ...string) *testtool.Command {
	t.Helper()
	return testtool.StartCommand(t, testtool.Need(t, "slowhttptest"), append(args,
		"-u", s.daemon.Subscribe[0]+"/subscribe/slow",
		"-c", "800", "-r", "400", // connections, and how many a second
		"-i", "1", // seconds between two pieces of what is slow
		"-l", "20", // seconds in all
		"-p", "3")...) // seconds that its own probe waits for an answer
}

// colors are what slowhttptest prints between its words.
var (
	colors     = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	exitStatus = regexp.MustCompile(`Exit status:\s*(.*)`)
	available  = regexp.MustCompile(`service available:\s*(\w+)`)
)

// wantLost waits for slowhttptest to end, and wants it to say that it could not
// keep a connection, while its probe was served all the time.
func wantLost(t *testing.T, slow *testtool.Command) {
	t.Helper()
	var output string
	testtool.WaitFor(t, "slowhttptest to end", func() bool {
		output = colors.ReplaceAllString(slow.Output(), "")
		return exitStatus.MatchString(output)
	})
	if status := exitStatus.FindStringSubmatch(output)[1]; strings.TrimSpace(status) != "No open connections left" {
		t.Errorf("slowhttptest ended with %q", status)
	}
	probes := available.FindAllStringSubmatch(output, -1)
	for _, probe := range probes {
		if probe[1] != "YES" {
			t.Errorf("slowhttptest saw the daemon unavailable")
		}
	}
	if t.Failed() || len(probes) == 0 {
		t.Errorf("slowhttptest printed:\n%s", output)
	}
}

// TestSlowHeadersAndBodies: slowhttptest -H and -B, which send a piece of a head
// or of a body each second.
func TestSlowHeadersAndBodies(t *testing.T) {
	testtool.Long(t, "slowhttptest attacks for seconds")
	t.Parallel()
	for name, args := range map[string][]string{
		"headers": {"-H", "-x", "24"},
		"body":    {"-B", "-s", "100000", "-x", "24"},
	} {
		t.Run(name, func(t *testing.T) {
			testtool.Need(t, "slowhttptest")
			s := startAttack(t)
			wantLost(t, s.slowHTTP(t, args...))
			s.wantGone(t, 0) // they have left
			s.wantPeace(t, bound(800, headBytesMax))
		})
	}
}

// TestSlowReaders: slowhttptest -X, which announces a tiny receive window and
// reads 5 bytes a second. To a stream that is a subscriber who lags. All of them
// share one backlog, so they cost it once, and are closed when they are further
// behind than it is long.
//
// Each also fills a send buffer of the kernel's (--sndbuf). A plain close leaves
// that to be sent, and at 5 bytes a second it would be held for hours.
func TestSlowReaders(t *testing.T) {
	testtool.Long(t, "slowhttptest attacks for seconds")
	t.Parallel()
	testtool.Need(t, "slowhttptest")
	const many, backlog = 800, 4 << 20
	s := startAttack(t, "--backlog=4MiB", "--data-max=512KiB")
	s.slowHTTP(t, "-X", "-w", "256", "-y", "512", "-k", "2")
	testtool.WaitFor(t, "all slow readers to come", func() bool {
		n, err := testtool.DescriptorsOf(s.daemon.Process.Pid)
		return err != nil || n >= s.peace.Descriptors+many
	})
	p, event := testtool.DialPublisher(t, s.daemon.Publish[0]), strings.Repeat("x", 64<<10)
	for range 4 * backlog / len(event) { // more than a backlog, and what sockets take
		if reply := p.Ask(t, "PUB /slow - "+event); !strings.HasPrefix(reply, "OK ") {
			t.Fatal(reply)
		}
	}
	p.Conn.Close()
	s.wantGone(t, 0)
	s.wantNoOrphans(t, 0)
	s.wantPeace(t, bound(many, 0)+garbage*backlog)
}
