package store

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
)

// TestAbsentAtTheStart: there is no NATS server when the daemon starts. It says so
// everywhere, and works once there is one.
func TestAbsentAtTheStart(t *testing.T) {
	for _, where := range []string{"shared", "own"} {
		t.Run(where, func(t *testing.T) {
			hub := natstest.Start(t)
			hub.Kill()
			n := startNode(t, "--nats="+hub.URL, "--nats-timeout=500ms", "--publish-loop="+where)
			n.waitForLog(t, "level=ERROR", "the store is not reached", hub.URL)
			n.waitForHealth(t, http.StatusServiceUnavailable, "the store is not reached")

			early := start(t, n.stream("/?last=100000"), "")
			testtool.WaitFor(t, "the early subscriber is told when to come back", func() bool { return early.retryTime() > 0 })
			p := testtool.DialPublisher(t, n.Publish[0])
			began := time.Now()
			p.Send(t, "PUB /a - lost\nKEY k\nPUB /a - kept\nPING\n")
			for _, want := range []string{"ERR busy the store is not reached, nothing was stored", "OK", "ERR busy the store is not reached, nothing was stored", "PONG"} {
				if reply := p.Reply(t); !strings.HasPrefix(reply, want) {
					t.Errorf("the reply is %q, want %q", reply, want)
				}
			}
			if waited := time.Since(began); waited < 500*time.Millisecond {
				t.Errorf("the publisher waited %v for a store that might have come", waited)
			}
			// A publisher who repeats itself is heard as soon as there is a store.
			patient := write(t, n.Publish[0], 2, endless)
			testtool.WaitFor(t, "a publisher that is told ERR busy", func() bool { return patient.busy() > 0 })
			if lines := n.logged("level=ERROR"); lines != 1 {
				t.Errorf("it is told %d times in the log that there is no store", lines)
			}

			hub.Restart(t)
			patient.waitForAnswers(t, 10)
			n.waitForHealth(t, http.StatusOK, "serving")
			patient.end(t)
			askOn(t, p, "PUB /end - /end 0")
			all := early.until(t, "/end 0")
			patient.check(t, all[:len(all)-1], false)
			if lines := n.logged("level=ERROR"); lines != 1 {
				t.Errorf("there are %d errors in the log", lines)
			}
		})
	}
}
