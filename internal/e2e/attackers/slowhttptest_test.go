package attackers

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// slowHTTP runs slowhttptest against the daemon with many connections. The program exits when it
// has no connection left, or after 20 s.
func (s *attack) slowHTTP(t *testing.T, args ...string) *testtool.Command {
	t.Helper()
	return testtool.StartCommand(t, testtool.Need(t, "slowhttptest"), append(args,
		"-u", s.daemon.Subscribe[0]+"/subscribe/slow",
		"-c", "800", "-r", "400", // connections, and how many a second
		"-i", "1", // seconds between two pieces of the slow request
		"-l", "20", // seconds in all
		"-p", "3")...) // seconds that its own probe waits for a response
}

// colors matches the color codes in the output of slowhttptest.
var (
	colors     = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	exitStatus = regexp.MustCompile(`Exit status:\s*(.*)`)
	available  = regexp.MustCompile(`service available:\s*(\w+)`)
)

// wantAllClosed waits until slowhttptest exits. It requires that the program could not keep a
// connection, while its probe was always served.
func wantAllClosed(t *testing.T, slow *testtool.Command) {
	t.Helper()
	var output string
	testtool.WaitFor(t, "slowhttptest to end", func() bool {
		output = colors.ReplaceAllString(slow.Output(), "")
		return exitStatus.MatchString(output)
	})
	if status := exitStatus.FindStringSubmatch(output)[1]; strings.TrimSpace(status) != "No open connections left" {
		t.Errorf("the exit status of slowhttptest is %q", status)
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

// TestSlowHeadersAndBodies runs slowhttptest -H and -B, which send a piece of a head or of a body
// each second.
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
			wantAllClosed(t, s.slowHTTP(t, args...))
			s.wantGone(t, 0) // slowhttptest has closed them
			s.wantUnharmed(t, bound(800, headBytesMax))
		})
	}
}

// TestSlowReaders runs slowhttptest -X, which announces a tiny receive window and reads 5 bytes a
// second: a slow subscriber. All of them on one event loop share one backlog, so they use its
// memory once. The daemon disconnects them when they are further behind than its size.
//
// Each subscriber also fills a send buffer in the kernel (--sndbuf). A plain close would leave the
// kernel to send that buffer, which would take hours at 5 bytes a second.
func TestSlowReaders(t *testing.T) {
	testtool.Long(t, "slowhttptest attacks for seconds")
	t.Parallel()
	testtool.Need(t, "slowhttptest")
	const many, backlog, mailbox = 800, 4 << 20, 1 << 20
	s := startAttack(t, "--backlog=4MiB", "--data-max=512KiB", "--mailbox=1MiB")
	s.slowHTTP(t, "-X", "-w", "256", "-y", "512", "-k", "2")
	testtool.WaitFor(t, "all slow readers to connect", func() bool {
		n, err := testtool.DescriptorsOf(s.daemon.Process.Pid)
		return err != nil || n >= s.idle.Descriptors+many
	})
	p, event := testtool.DialPublisher(t, s.daemon.Publish[0]), strings.Repeat("x", 64<<10)
	for range 4 * backlog / len(event) { // more than a backlog and the socket buffers hold
		if reply := p.Ask(t, "PUB /slow - "+event); !strings.HasPrefix(reply, "OK ") {
			t.Fatal(reply)
		}
	}
	p.Conn.Close()
	s.wantGone(t, 0)
	s.wantNoOrphans(t, 0)
	each := backlog
	if testtool.SeveralLoops() {
		each += 2 * mailbox // a mailbox has two buffers
	}
	s.wantUnharmed(t, bound(many, 0)+int64(garbage*each*testtool.Loops()))
}
