package overload

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// An end is one line of the log about the end of a subscriber's stream.
type end struct {
	reason, client, subscription string
	age                          time.Duration
	messages, behindBytes        int
}

var (
	endLine  = regexp.MustCompile(`(?m)^time=\S+ level=(?:INFO|WARN) msg="subscriber disconnected"(?: loop=\d+)? reason=(\w+) client=(\S+) namespaces=(\S+) age=(\S+) messages=(\d+) behind_bytes=(\d+)$`)
	heldLine = regexp.MustCompile(`(?m)msg="more subscribers disconnected"(?: loop=\d+)? subscribers=\d+ (.*)$`)
)

// endsOf returns the ends in a log, in the order of the lines.
func endsOf(log string) (ends []end) {
	for _, f := range endLine.FindAllStringSubmatch(log, -1) {
		e := end{reason: f[1], client: f[2], subscription: f[3]}
		e.age, _ = time.ParseDuration(f[4])
		e.messages, _ = strconv.Atoi(f[5])
		e.behindBytes, _ = strconv.Atoi(f[6])
		ends = append(ends, e)
	}
	return ends
}

// countEnds counts the ends in a log by reason, including the ends that one line reports together.
func countEnds(log string) map[string]int {
	counts := map[string]int{}
	for _, e := range endsOf(log) {
		counts[e.reason]++
	}
	for _, held := range heldLine.FindAllStringSubmatch(log, -1) {
		for _, count := range strings.Fields(held[1]) {
			reason, n, _ := strings.Cut(count, "=")
			more, _ := strconv.Atoi(n)
			counts[reason] += more
		}
	}
	return counts
}

// wantEnds waits until the log has as many ends as want has, and compares the numbers by reason.
func (s *scenario) wantEnds(t *testing.T, want map[string]int) {
	t.Helper()
	sum := func(counts map[string]int) (n int) {
		for _, more := range counts {
			n += more
		}
		return n
	}
	var got map[string]int
	testtool.WaitFor(t, fmt.Sprintf("the disconnections %v", want), func() bool {
		got = countEnds(s.daemon.Log())
		return sum(got) >= sum(want)
	})
	if !maps.Equal(got, want) {
		t.Errorf("the disconnections are %v, want %v", got, want)
	}
}

func TestCountDisconnections(t *testing.T) {
	log := `time=2026-01-01T00:00:00Z level=WARN msg="subscriber disconnected" reason=slow client=127.0.0.1:1 namespaces=/a age=3s messages=4 behind_bytes=5
time=2026-01-01T00:00:00Z level=INFO msg="subscriber disconnected" loop=1 reason=left client=unix namespaces=/a age=1m0s messages=0 behind_bytes=0
time=2026-01-01T00:00:00Z level=INFO msg="more subscribers disconnected" loop=0 subscribers=12 left=2 slow=10
`
	if got, want := countEnds(log), map[string]int{"slow": 11, "left": 3}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	want := []end{{"slow", "127.0.0.1:1", "/a", 3 * time.Second, 4, 5}, {"left", "unix", "/a", time.Minute, 0, 0}}
	if got := endsOf(log); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
