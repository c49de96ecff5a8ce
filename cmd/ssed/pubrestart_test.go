package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestPubAcrossRestarts checks that a feed continues when the daemon is stopped or killed and
// starts again. With a store, each line must be published once, in order. The daemon may also be
// down at the end of the input.
func TestPubAcrossRestarts(t *testing.T) {
	testtool.Long(t, "a publisher waits for seconds after each of six restarts")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			store := "--store=" + t.TempDir()
			d := testtool.Start(t, store)
			subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/feed")
			pub := startPub(t, d.Publish[0], "/feed")
			const restarts = 3
			// A part has more lines than pub sends without a reply. The test writes a part after
			// each daemon has stopped, so pub does not reach the end of its input before the last
			// one.
			part := testtool.FewerUnderRace(15_000)
			total := (restarts + 1) * part
			parts := make(chan []string, restarts+1)
			written := pub.writeParts(parts)
			parts <- numbers(1, part)
			subscriber.Frame(t) // messages flow
			for n := 1; n <= restarts; n++ {
				d.Process.Signal(signal)
				d.Wait(t)
				pub.says(t, fmt.Sprintf("(?s)((connection lost|busy).*){%d}", n))
				parts <- numbers(n*part+1, (n+1)*part)
				d = restart(t, d, store)
				// If a daemon stops before pub has its first reply, that is another failed attempt,
				// and pub does not report a lost connection.
				pub.says(t, fmt.Sprintf("(?s)(reconnected.*){%d}", n))
			}
			close(parts)
			r := pub.end(t)
			if err := <-written; err != nil || r.code != 0 {
				t.Errorf("%v, exit code %d; stderr %q", err, r.code, r.stderr)
			}
			if strings.Contains(r.stderr, "duplicates") {
				t.Errorf("with keys there can be no duplicates, but stderr is %q", r.stderr)
			}
			if got := history(t, d, "/feed", total); !slices.Equal(got, numbers(1, total)) {
				t.Errorf("%d messages are there, not each of %d once and in order", len(got), total)
			}
		})
	}
}

// TestPubAcrossRestartWithoutStore checks that lines which one daemon has not accepted reach the
// next one. No line may be missing, and there may not be more duplicates than reported.
func TestPubAcrossRestartWithoutStore(t *testing.T) {
	testtool.Long(t, "pub waits for a daemon that restarts")
	d := testtool.Start(t, "--backlog=1GiB", "--backlog-total=1GiB")
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/feed")
	pub := startPub(t, d.Publish[0], "/feed")
	total := testtool.FewerUnderRace(60_000)
	parts := make(chan []string, 2)
	written := pub.writeParts(parts)
	parts <- numbers(1, total/2)
	times := map[string]int{subscriber.Frame(t): 1}
	d.Process.Signal(syscall.SIGTERM)
	for _, frame := range subscriber.Rest(t) {
		times[frame]++
	}
	d.Wait(t)
	first := len(times)
	parts <- numbers(total/2+1, total) // held back, so that pub cannot exit before the daemon stops
	close(parts)
	d = restart(t, d, "--history=100000")
	r := pub.end(t)
	if err := <-written; err != nil || r.code != 0 {
		t.Errorf("%v, exit code %d", err, r.code)
	}
	for _, data := range history(t, d, "/feed", total-first) {
		times["data:"+data+"\n\n"]++
	}
	twice, mayBe := 0, 0
	for _, line := range numbers(1, total) {
		switch n := times["data:"+line+"\n\n"]; n {
		case 0:
			t.Errorf("%q is missing", line)
		default:
			twice += n - 1
		}
	}
	for _, said := range regexp.MustCompile(`(\d+) of them may be duplicates`).FindAllStringSubmatch(pub.stderr.String(), -1) {
		n, _ := strconv.Atoi(said[1])
		mayBe += n
	}
	t.Logf("%d lines went to the first daemon; %d are there twice, %d may be", first, twice, mayBe)
	if first == total || twice > mayBe {
		t.Errorf("%d lines went to the first daemon; %d are duplicates, but only %d were reported", first, twice, mayBe)
	}
}

// TestPubWaitsWhileTheDaemonIsDown checks that lines that arrive in the meantime are published
// once.
func TestPubWaitsWhileTheDaemonIsDown(t *testing.T) {
	testtool.Long(t, "a publisher waits for seconds before it reconnects")
	t.Parallel()
	d := testtool.Start(t)
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/feed")
	pub := startPub(t, d.Publish[0], "/feed")
	io.WriteString(pub.stdin, text(numbers(1, 5)))
	for range 5 {
		subscriber.Frame(t)
	}
	waitReplies(t, d)
	d.Process.Kill()
	d.Wait(t)
	pub.says(t, "connection lost") // so it does not send the next lines to the stopped daemon
	io.WriteString(pub.stdin, text(numbers(6, 3000)))
	pub.stdin.Close()
	pub.says(t, "connection refused")
	d = restart(t, d, "--history=10000")
	if r := pub.end(t); r.code != 0 || strings.Contains(r.stderr, "duplicates") || !strings.HasSuffix(r.stderr, ": reconnected\n") {
		t.Errorf("exit code %d; stderr %q", r.code, r.stderr)
	}
	if got := history(t, d, "/feed", 2995); !slices.Equal(got, numbers(6, 3000)) {
		t.Errorf("%d lines are there", len(got))
	}
}

// TestPubReportsPossibleDuplicates checks the report about duplicates. The daemon accepts lines,
// but its replies get lost. Without a store the lines are published twice, and pub must report how
// many may be.
func TestPubReportsPossibleDuplicates(t *testing.T) {
	testtool.Long(t, "pub waits for a daemon that restarts")
	t.Parallel()
	for _, tt := range []struct {
		name string
		args func(t *testing.T) []string
		want []string
		says string
	}{
		{"without a store", func(*testing.T) []string { return []string{"--history=1000"} },
			append(numbers(1, 100), numbers(91, 110)...),
			"reconnected; lines resent: 10, 10 of them may be duplicates (sent before, but not acknowledged)"},
		{"with a store", func(t *testing.T) []string { return []string{"--store=" + t.TempDir()} },
			numbers(1, 110), "reconnected; lines resent: 10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := testtool.Start(t, tt.args(t)...)
			replies := startMuffler(t, d.Publish[0])
			pub := startPub(t, replies.url, "/feed")
			io.WriteString(pub.stdin, text(numbers(1, 90)))
			testtool.WaitFor(t, "90 lines to be answered", func() bool { return replies.messages() == 90 })
			replies.muffle(true)
			subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/feed?last=0")
			io.WriteString(pub.stdin, text(numbers(91, 100)))
			// With a store, a subscriber may get messages that were answered before it came.
			for !strings.HasSuffix(subscriber.Frame(t), "data:line 100\n\n") {
			}
			replies.cut()
			replies.muffle(false)
			pub.says(t, "ssed: tcp://.*: "+regexp.QuoteMeta(tt.says)+"\n")
			io.WriteString(pub.stdin, text(numbers(101, 110)))
			pub.stdin.Close()
			if r := pub.end(t); r.code != 0 || strings.Count(r.stderr, "\n") != 2 {
				t.Errorf("exit code %d; stderr %q", r.code, r.stderr)
			}
			if got := history(t, d, "/feed", 110); !slices.Equal(got, tt.want) {
				t.Errorf("%d messages are there: %q", len(got), got)
			}
		})
	}
}

// TestPubWaitsForAPlace checks that pub waits if the daemon has its maximum number of publishers,
// even at the first attempt.
func TestPubWaitsForAPlace(t *testing.T) {
	testtool.Long(t, "pub waits before it tries again")
	t.Parallel()
	d := testtool.Start(t, "--max-publishers=1", "--history=10")
	other := testtool.DialPublisher(t, d.Publish[0])
	other.Ask(t, "PING")
	pub := startPub(t, d.Publish[0], "/x")
	io.WriteString(pub.stdin, "1\n2\n")
	pub.stdin.Close()
	pub.says(t, `^ssed: tcp://\S+: busy: .*too many.*; reconnecting in \d\.\d s\n`)
	other.Ask(t, "QUIT")
	if r := pub.end(t); r.code != 0 || !strings.HasSuffix(r.stderr, ": reconnected\n") {
		t.Errorf("exit code %d; stderr %q", r.code, r.stderr)
	}
	if got := history(t, d, "/x", 2); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("published: %q", got)
	}
}

// TestPubWithRevokedToken checks that the feed ends if the restarted daemon does not know its
// token, even while there is nothing to publish.
func TestPubWithRevokedToken(t *testing.T) {
	testtool.Long(t, "pub waits for a daemon that restarts")
	t.Parallel()
	for _, lines := range []string{"", "2\n"} {
		d := testtool.Start(t)
		pub := startPub(t, d.Publish[0], "--token=secret", "/x")
		subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/x")
		io.WriteString(pub.stdin, "1\n")
		subscriber.Frame(t)
		waitReplies(t, d)
		d.Process.Kill()
		d.Wait(t)
		pub.says(t, "connection lost")
		io.WriteString(pub.stdin, lines)
		restart(t, d, "--token", "other-token publish /")
		r := pub.end(t)
		last := r.stderr[strings.LastIndex(strings.TrimSuffix(r.stderr, "\n"), "\n")+1:]
		if r.code != exitFailure || !strings.HasPrefix(last, "ssed: cannot publish to tcp://") || !strings.Contains(last, "auth: ") || !strings.Contains(last, "lines published: 1") {
			t.Errorf("exit code %d; stderr %q", r.code, r.stderr)
		}
		if notYet := strings.Contains(last, "not acknowledged: 1"); notYet != (lines != "") {
			t.Errorf("with the lines %q it said %q", lines, last)
		}
	}
}
