package store

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// awayTime is how long the NATS server is unavailable. It is longer than the publishers' timeout,
// and than the time in which the daemon notices that a server hangs.
const awayTime = 10 * time.Second

// TestNATSOutageUnderLoad verifies what happens when the NATS server hangs, or is killed and
// restarted. Publishers wait and finally get ERR busy, and subscribers keep their streams.
// Afterwards, no message is missing or duplicated.
func TestNATSOutageUnderLoad(t *testing.T) {
	testtool.Long(t, "a NATS server is unavailable for ten seconds")
	for name, fault := range map[string]struct {
		away, back func(*testing.T, *natstest.Server)
	}{
		"hangs":  {func(_ *testing.T, s *natstest.Server) { s.Freeze() }, func(_ *testing.T, s *natstest.Server) { s.Thaw() }},
		"killed": {func(_ *testing.T, s *natstest.Server) { s.Kill() }, func(t *testing.T, s *natstest.Server) { s.Restart(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			natsServer := natstest.Start(t)
			n := startNode(t, "--nats="+natsServer.URL, "--nats-timeout=2s")
			n.waitForLog(t, "store replayed")
			readers := []*ledger.Subscriber{n.subscribe(t, "/?last=100000"), n.subscribe(t, "/?last=100000"), n.subscribe(t, "/w1?last=100000")}
			crew := write(t, n.Publish[0], 4, ledger.Endless)
			ledger.WaitAcked(t, 500, crew...)

			fault.away(t, natsServer)
			gone := time.Now()
			for _, p := range crew {
				testtool.WaitFor(t, p.Name+" to get ERR busy", func() bool { return p.Stats().Busy > 0 })
			}
			if waited := time.Since(gone); waited < time.Second {
				t.Errorf("the publishers got ERR busy after %v, want at least 1s", waited)
			}
			n.waitForLog(t, "store connection lost")
			n.waitForHealth(t, http.StatusServiceUnavailable, "the connection to the store is lost")
			testtool.WaitFor(t, "the end of the outage", func() bool { return time.Since(gone) >= awayTime })
			fault.back(t, natsServer)

			ledger.WaitAcked(t, 500, crew...)
			n.waitForHealth(t, http.StatusOK, "serving")
			ledgers := append(ledger.Stop(t, crew...), n.publishEnd(t, "/"), n.publishEnd(t, "/w1"))
			all := readers[0].WaitData(t, "end of /w1")
			readers[0].Verify(t, ledger.Audit{Ledgers: ledgers})
			if other := readers[1].WaitData(t, "end of /w1"); !slices.Equal(other, all) {
				t.Errorf("one subscriber has %d messages, another one %d", len(all), len(other))
			}
			some := slices.DeleteFunc(slices.Clone(all), func(m ledger.Message) bool { return !strings.HasPrefix(m.Data, "/w1 ") && m.Data != "end of /w1" })
			if got := readers[2].WaitData(t, "end of /w1"); !slices.Equal(got, some) {
				t.Errorf("the subscriber of one namespace has %d messages, want %d", len(got), len(some))
			}
			for _, r := range readers {
				if r.State().Streams != 1 || len(r.Gaps()) > 0 {
					t.Errorf("a subscriber had %d connections and the gaps %+v, want 1 and none", r.State().Streams, r.Gaps())
				}
			}
			for _, p := range crew {
				t.Logf("%s: %d acknowledged, %+v", p.Name, p.Acked(), p.Stats())
				if p.Stats().Broken > 0 {
					t.Errorf("%s lost its connection", p.Name)
				}
			}
			if lines := n.Logged("level=ERROR"); lines > 5 {
				t.Errorf("the log has %d errors, want at most 5", lines)
			}
		})
	}
}
