package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/admin"
	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/internal/testtool"
)

// A fakeDaemon has several loops. Loop i has 100*(i+1) subscribers, a backlog of i KiB, lags by
// 1000*i messages, and delivers 5000*(i+1) messages per second.
type fakeDaemon struct {
	admin.Daemon
	began time.Time

	mu    sync.Mutex
	loops int
}

func (f *fakeDaemon) setLoops(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loops = n
}

func (f *fakeDaemon) LoopStats(context.Context) ([]ssed.Stats, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]ssed.Stats, f.loops)
	for i := range all {
		all[i] = ssed.Stats{
			Subscribers: 100 * (i + 1),
			Backlog:     i << 10,
			Newest:      uint64(100_000 - 1000*i),
			Deliveries:  uint64(5000*(i+1)) * uint64(time.Since(f.began).Milliseconds()) / 1000,
		}
	}
	return all, nil
}

func (f *fakeDaemon) Stats(ctx context.Context) (sum ssed.Stats, err error) {
	loops, err := f.LoopStats(ctx)
	sum.Ended = map[string]uint64{}
	for _, l := range loops {
		sum.Subscribers += l.Subscribers
		sum.Deliveries += l.Deliveries
	}
	return sum, err
}

// Subscribers returns ten subscribers, which are spread over the loops.
func (f *fakeDaemon) Subscribers(context.Context) (all []ssed.SubscriberInfo, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range 10 {
		all = append(all, ssed.SubscriberInfo{ID: ssed.ConnID(i + 1), Loop: i % f.loops, Stream: 1, Namespaces: []string{"/pets"}, Agent: fmt.Sprint("agent-", i),
			Peer: &net.TCPAddr{IP: net.IPv4(10, 0, 0, byte(i))}})
	}
	return all, nil
}

func (f *fakeDaemon) Tokens() *auth.Table { return nil }

// serveFake serves the admin pages of a fake daemon, and returns their origin.
func serveFake(t *testing.T, loops int) (daemon *fakeDaemon, origin string) {
	t.Helper()
	daemon = &fakeDaemon{began: time.Now(), loops: loops}
	pages := admin.New(admin.Options{Daemon: daemon, Node: "web-1", Version: "v0-test", Logger: slog.New(slog.DiscardHandler)})
	web := httptest.NewServer(pages.Handler())
	t.Cleanup(func() {
		pages.Shutdown()
		web.CloseClientConnections()
		web.Close()
	})
	return daemon, web.URL
}

// visible returns a script that reports whether an element is displayed.
func visible(selector string) string {
	return "document.querySelector(" + quote(selector) + ").getBoundingClientRect().height > 0"
}

// TestLoopsOnThePage verifies the table of loops and the loop of each connection, and that the page
// of a daemon with one loop has neither.
func TestLoopsOnThePage(t *testing.T) {
	testtool.Long(t, "a browser is started")
	t.Parallel()
	testtool.Need(t, "chromium")
	daemon, origin := serveFake(t, 2)
	p := openPage(t, origin)
	p.waitRows(t, 10)
	p.wait(t, "the table of loops", visible("#loops"))
	cell := func(row, column int) string {
		return fmt.Sprintf("#loop-rows tr:nth-child(%d) :nth-child(%d)", row, column)
	}
	for i, want := range [][]string{{"0", "100", "", "–", "–"}, {"1", "200", "", "1 KiB", "1,000"}} {
		for k, text := range want {
			if k != 2 {
				p.waitText(t, cell(i+1, k+1), text)
			}
		}
	}
	// The times of the requests are not exact, but the second loop delivers twice as much.
	p.wait(t, "the deliveries", `(([one, two]) => one > 2.5 && one < 10 && two > 1.5 * one && two < 2.5 * one)(
		[`+quote(cell(1, 3))+`, `+quote(cell(2, 3))+`].map(selector => document.querySelector(selector).textContent).map(parseFloat))`)
	p.wait(t, "the heading of the loops", visible(".connections th.loop"))
	p.waitText(t, "#rows tr:nth-child(2) td.loop", "1")
	p.waitText(t, "#rows tr:nth-child(3) td.loop", "0")
	p.waitText(t, treeRow("/pets")+" :nth-child(2)", "10")

	p.size(t, 360, 740)
	p.wait(t, "a narrow page", `document.documentElement.scrollWidth === 360`)
	p.size(t, 1440, 1000)
	daemon.setLoops(1)
	p.wait(t, "no table of loops", "!("+visible("#loops")+")")
	p.wait(t, "no column of loops", "!("+visible(".connections th.loop")+") && !("+visible("#rows td.loop")+")")
	daemon.setLoops(40)
	p.wait(t, "forty loops in a table with a scroll bar", `document.querySelectorAll("#loop-rows tr").length === 40 &&
		document.querySelector("#loops").getBoundingClientRect().height < 300`)
}
