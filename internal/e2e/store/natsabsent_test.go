package store

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// TestAbsentAtTheStart: there is no NATS server when the daemon starts. It says so
// everywhere, and works once there is one.
func TestAbsentAtTheStart(t *testing.T) {
	testtool.Long(t, "a NATS server is away for seconds")
	for _, where := range []string{"shared", "own"} {
		t.Run(where, func(t *testing.T) {
			natsServer := natstest.Start(t)
			natsServer.Kill()
			n := startNode(t, "--nats="+natsServer.URL, "--nats-timeout=500ms", "--publish-loop="+where)
			n.waitForLog(t, "level=ERROR", "store unavailable", natsServer.URL)
			n.waitForHealth(t, http.StatusServiceUnavailable, "the store is not reached")

			early := n.open(t, "/?last=100000", "")
			testtool.WaitFor(t, "the early subscriber is told when to come back", func() bool { return early.State().Retry > 0 })
			p := testtool.DialPublisher(t, n.Publish[0])
			began := time.Now()
			p.Send(t, "PUB /a - lost\nKEY k\nPUB /a - kept\nPING\n")
			for _, want := range []string{"ERR busy the store is unavailable, nothing was stored", "OK", "ERR busy the store is unavailable, nothing was stored", "PONG"} {
				if reply := p.Reply(t); !strings.HasPrefix(reply, want) {
					t.Errorf("the reply is %q, want %q", reply, want)
				}
			}
			if waited := time.Since(began); waited < 500*time.Millisecond {
				t.Errorf("the publisher waited %v for a store that might have come", waited)
			}
			// A publisher who repeats itself is heard as soon as there is a store.
			patient := write(t, n.Publish[0], 2, ledger.Endless)
			testtool.WaitFor(t, "a publisher that is told ERR busy", func() bool { return patient[0].Stats().Busy+patient[1].Stats().Busy > 0 })
			if lines := n.Logged("level=ERROR"); lines != 1 {
				t.Errorf("it is told %d times in the log that there is no store", lines)
			}

			natsServer.Restart(t)
			ledger.WaitAcked(t, 10, patient...)
			n.waitForHealth(t, http.StatusOK, "serving")
			end := &ledger.Ledger{}
			ledgers := append(ledger.Stop(t, patient...), end)
			end.Ack("end", askOn(t, p, "PUB /end - end"))
			early.WaitData(t, "end")
			early.Verify(t, ledger.Audit{Ledgers: ledgers})
			if lines := n.Logged("level=ERROR"); lines != 1 {
				t.Errorf("there are %d errors in the log", lines)
			}
		})
	}
}
