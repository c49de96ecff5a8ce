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

// TestNATSAbsentAtStart starts the daemon without a NATS server. It verifies that publishers,
// subscribers, the log and the health check report that, and that the daemon works once the server
// runs.
func TestNATSAbsentAtStart(t *testing.T) {
	testtool.Long(t, "a NATS server is unavailable for seconds")
	for _, where := range testtool.PublishLoops() {
		t.Run(where, func(t *testing.T) {
			natsServer := natstest.Start(t)
			natsServer.Kill()
			n := startNode(t, "--nats="+natsServer.URL, "--nats-timeout=500ms", "--publish-loop="+where)
			n.waitForLog(t, "level=ERROR", "store unavailable", natsServer.URL)
			n.waitForHealth(t, http.StatusServiceUnavailable, "the store is unavailable")

			early := n.open(t, "/?last=100000", "")
			testtool.WaitFor(t, "the early subscriber to receive a retry", func() bool { return early.State().Retry > 0 })
			p := testtool.DialPublisher(t, n.Publish[0])
			began := time.Now()
			p.Send(t, "PUB /a - lost\nKEY k\nPUB /a - kept\nPING\n")
			for _, want := range []string{"ERR busy the store is unavailable, nothing was stored", "OK", "ERR busy the store is unavailable, nothing was stored", "PONG"} {
				if reply := p.Reply(t); !strings.HasPrefix(reply, want) {
					t.Errorf("the reply is %q, want %q", reply, want)
				}
			}
			if waited := time.Since(began); waited < 500*time.Millisecond {
				t.Errorf("the publisher waited only %v, want at least --nats-timeout", waited)
			}
			// Publishers that repeat their messages succeed as soon as there is a store.
			patient := write(t, n.Publish[0], 2, ledger.Endless)
			testtool.WaitFor(t, "a publisher to get ERR busy", func() bool { return patient[0].Stats().Busy+patient[1].Stats().Busy > 0 })
			if lines := n.Logged("level=ERROR"); lines != 1 {
				t.Errorf("the log has %d errors, want 1", lines)
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
				t.Errorf("the log has %d errors, want 1", lines)
			}
		})
	}
}
