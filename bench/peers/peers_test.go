package peers

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// each runs a test for every server.
func each(t *testing.T, test func(t *testing.T, s server)) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) { test(t, s) })
	}
}

// TestSubscribersHearTheirNamespaceAlone: not one whose name begins alike, and one below their own
// only where the server has it so.
func TestSubscribersHearTheirNamespaceAlone(t *testing.T) {
	each(t, func(t *testing.T, s server) {
		p := start(t, s)
		namespaces := []string{"/pet", "/pets", "/pets/dogs"}
		var streams []*stream
		for _, namespace := range namespaces {
			streams = append(streams, p.subscribe(t, namespace))
		}
		publisher := p.dial(t)
		for i, namespace := range namespaces {
			publisher.send(t, namespace, fmt.Sprintf("~message-%d~", i))
		}
		for i, namespace := range namespaces {
			publisher.send(t, namespace, "~last~") // behind which whatever strayed has come
			streams[i].waitFor(t, "~last~")
		}
		for i, stream := range streams {
			for from := range namespaces {
				want := from == i || s.tree && i == 1 && from == 2
				if got := stream.String(); strings.Contains(got, fmt.Sprintf("~message-%d~", from)) != want {
					t.Errorf("published to %s, heard in %s: %v, want %v: %q", namespaces[from], namespaces[i], !want, want, got)
				}
			}
		}
	})
}

// TestAThousandMessagesArriveInOrder publishes them in pieces that every server can hold for a
// subscriber.
func TestAThousandMessagesArriveInOrder(t *testing.T) {
	const total, piece = 1000, 50
	number := regexp.MustCompile(`~(\d{4})~`)
	each(t, func(t *testing.T, s server) {
		p := start(t, s)
		subscriber, publisher := p.subscribe(t, "/numbers"), p.dial(t)
		for first := 0; first < total; first += piece {
			var data []string
			for i := first; i < first+piece; i++ {
				data = append(data, fmt.Sprintf("~%04d~", i))
			}
			publisher.send(t, "/numbers", data...)
			subscriber.waitFor(t, data[piece-1])
		}
		got := number.FindAllStringSubmatch(subscriber.String(), -1)
		for i, match := range got {
			if want := fmt.Sprintf("%04d", i); match[1] != want {
				t.Fatalf("message %d is %s", i, match[1])
			}
		}
		if len(got) != total {
			t.Errorf("%d messages, want %d", len(got), total)
		}
	})
}

// TestLongMessagesArriveWhole: the longest that the bench publishes, which nginx writes to a file
// before it takes it.
func TestLongMessagesArriveWhole(t *testing.T) {
	var data strings.Builder
	for i := 0; data.Len() < 64<<10; i++ {
		fmt.Fprintf(&data, "~%06d~", i)
	}
	each(t, func(t *testing.T, s server) {
		p := start(t, s)
		subscriber, publisher := p.subscribe(t, "/long"), p.dial(t)
		publisher.send(t, "/long", data.String(), "~last~")
		subscriber.waitFor(t, "~last~")
		if got := subscriber.String(); strings.Count(got, data.String()) != 1 {
			t.Errorf("%d bytes were published, and are not among the %d that came", data.Len(), len(got))
		}
	})
}

// TestTheHeadMeansSubscribed: who has the head of the answer misses nothing, however soon it is
// published.
func TestTheHeadMeansSubscribed(t *testing.T) {
	const subscribers = 200
	each(t, func(t *testing.T, s server) {
		p := start(t, s)
		publisher := p.dial(t)
		streams := make([]*stream, subscribers)
		failed, err := testtool.AtATime(subscribers, func(i int) (err error) {
			streams[i], err = p.trySubscribe(t.Context(), "/all")
			return err
		})
		if failed > 0 {
			t.Fatalf("%d of %d could not subscribe: %v", failed, subscribers, err)
		}
		publisher.send(t, "/all", "at-once")
		for _, stream := range streams {
			stream.waitFor(t, "at-once")
		}
	})
}

// TestEnds: SIGTERM ends a server that has a subscriber and a publisher, with code 0 and with all
// its processes.
func TestEnds(t *testing.T) {
	each(t, func(t *testing.T, s server) {
		p := start(t, s)
		subscriber, publisher := p.subscribe(t, "/pets"), p.dial(t)
		publisher.send(t, "/pets", "Corgi")
		subscriber.waitFor(t, "Corgi")
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.gone:
		case <-time.After(testtool.Patience):
			t.Fatal("it still runs")
		}
		if p.why != nil {
			t.Errorf("it ended with %v", p.why)
		}
		testtool.WaitFor(t, "the end of all its processes", func() bool {
			return errors.Is(syscall.Kill(-p.cmd.Process.Pid, 0), syscall.ESRCH)
		})
	})
}

// TestSaysWhatItIs: one line with name, version and changes; of a library the version that go.mod
// asks for.
func TestSaysWhatItIs(t *testing.T) {
	each(t, func(t *testing.T, s server) {
		out, err := exec.Command(s.program(t), "-version").Output()
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`^` + s.name + ` (v?\d+\.\d+\.\d+) ?[^;\n]*(; [^;\n]+: [^;\n]+)+\n$`).FindSubmatch(out)
		if line == nil {
			t.Fatalf("-version says %q, want: name version; what: why; what: why", out)
		}
		if s.module == "" {
			return
		}
		want, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", s.module).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(line[1]); got != strings.TrimSpace(string(want)) {
			t.Errorf("-version says %s, go.mod %s", got, want)
		}
	})
}
