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

// TestSubscribersReceiveOnlyTheirNamespace verifies that subscribers do not receive messages of a
// namespace with the same prefix. They receive messages of child namespaces only if the server
// supports it.
func TestSubscribersReceiveOnlyTheirNamespace(t *testing.T) {
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
			publisher.send(t, namespace, "~last~") // messages sent to the wrong subscriber would arrive before this one
			streams[i].waitFor(t, "~last~")
		}
		for i, stream := range streams {
			for from := range namespaces {
				want := from == i || s.tree && i == 1 && from == 2
				if got := stream.String(); strings.Contains(got, fmt.Sprintf("~message-%d~", from)) != want {
					t.Errorf("published to %s, received in %s: %v, want %v: %q", namespaces[from], namespaces[i], !want, want, got)
				}
			}
		}
	})
}

// TestAThousandMessagesArriveInOrder publishes messages in batches that every server can buffer for
// a subscriber, and checks their order.
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

// TestLongMessagesArriveComplete publishes the longest message of the bench. nginx writes it to a
// file before it accepts it.
func TestLongMessagesArriveComplete(t *testing.T) {
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
			t.Errorf("the message of %d bytes is not among the %d received bytes", data.Len(), len(got))
		}
	})
}

// TestTheHeadMeansSubscribed verifies that a subscriber with the head of its answer receives a
// message that is published immediately afterwards.
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
			t.Fatalf("%d of %d clients could not subscribe: %v", failed, subscribers, err)
		}
		publisher.send(t, "/all", "at-once")
		for _, stream := range streams {
			stream.waitFor(t, "at-once")
		}
	})
}

// TestEnds verifies that SIGTERM stops a server that has a subscriber and a publisher. The server
// must exit with code 0, and all its processes must exit.
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
			t.Fatal("the server is still running")
		}
		if p.why != nil {
			t.Errorf("the server exited with %v", p.why)
		}
		testtool.WaitFor(t, "the exit of all its processes", func() bool {
			return errors.Is(syscall.Kill(-p.cmd.Process.Pid, 0), syscall.ESRCH)
		})
	})
}

// TestVersionLine checks that -version prints one line with name, version and changes. For a
// library, the version must be the one in go.mod.
func TestVersionLine(t *testing.T) {
	each(t, func(t *testing.T, s server) {
		out, err := exec.Command(s.program(t), "-version").Output()
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`^` + s.name + ` (v?\d+\.\d+\.\d+) ?[^;\n]*(; [^;\n]+: [^;\n]+)+\n$`).FindSubmatch(out)
		if line == nil {
			t.Fatalf("-version prints %q, want: name version; change: reason; change: reason", out)
		}
		if s.module == "" {
			return
		}
		want, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", s.module).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(line[1]); got != strings.TrimSpace(string(want)) {
			t.Errorf("-version prints %s, but go.mod has %s", got, want)
		}
	})
}
