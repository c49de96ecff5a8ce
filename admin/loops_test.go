package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/admin"
	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/loop"
)

// A fakeDaemon has the figures that a test sets. It is fixed while pages show it.
type fakeDaemon struct {
	admin.Daemon
	loops []ssed.Stats
	conns []ssed.SubscriberInfo
	err   error
}

func (f *fakeDaemon) LoopStats(context.Context) ([]ssed.Stats, error) { return f.loops, f.err }
func (f *fakeDaemon) Tokens() *auth.Table                             { return nil }
func (f *fakeDaemon) Subscribers(context.Context) ([]ssed.SubscriberInfo, error) {
	return append([]ssed.SubscriberInfo{}, f.conns...), nil
}

// twoLoops returns a daemon with two loops. The second one lags. Each figure has another value.
func twoLoops() *fakeDaemon {
	histogram := func(counts ...uint64) (h loop.Histogram) {
		copy(h.Counts[:], counts)
		h.Sum = time.Second
		return h
	}
	conn := func(id ssed.ConnID, loop int, stream, published uint64, namespaces ...string) ssed.SubscriberInfo {
		return ssed.SubscriberInfo{ID: id, Loop: loop, Stream: stream, Published: published, Namespaces: namespaces, Peer: &net.TCPAddr{IP: net.IPv4(10, 0, 0, byte(id))}}
	}
	return &fakeDaemon{
		loops: []ssed.Stats{
			{Subscribers: 2, PendingConnections: 10, Streams: 3, Blocked: 20, Backlog: 200, Published: 1000, Newest: 1000, Deliveries: 4000, BytesOut: 50000, Passes: histogram(3), FanOuts: histogram(4)},
			{Subscribers: 1, PendingConnections: 20, Streams: 1, Blocked: 30, Backlog: 400, Published: 900, Newest: 900, Deliveries: 3000, BytesOut: 30000, Passes: histogram(5), FanOuts: histogram(6)},
		},
		conns: []ssed.SubscriberInfo{conn(3, 0, 2, 40, "/b"), conn(1, 1, 1, 70, "/a"), conn(2, 0, 3, 60, "/a")},
	}
}

// serveFake serves the pages of a fake daemon, and returns a function that requests one of them.
func serveFake(t *testing.T, daemon admin.Daemon) func(path string) (code int, answer string) {
	t.Helper()
	pages := admin.New(admin.Options{Daemon: daemon, Logger: slog.New(slog.DiscardHandler)})
	web := httptest.NewServer(pages.Handler())
	t.Cleanup(func() {
		web.Close()
		pages.Shutdown()
	})
	return func(path string) (int, string) {
		t.Helper()
		res, err := http.Get(web.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(answer)
	}
}

// loopsJSON is the part of status.json about the loops.
type loopsJSON struct {
	Subscribers, Streams, Deliveries int
	Loops                            []map[string]float64
	Connections                      []struct{ ID, Loop int }
}

func parse[T any](t *testing.T, code int, answer string) (parsed T) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer), &parsed); err != nil || code != 200 {
		t.Fatalf("%d %v: %s", code, err, answer)
	}
	return parsed
}

// TestStatusOfTheLoops verifies the figures of two loops, with connections and without, and that
// the totals come from the daemon.
func TestStatusOfTheLoops(t *testing.T) {
	get := serveFake(t, twoLoops())
	want := []map[string]float64{
		{"loop": 0, "subscribers": 2, "pending_connections": 10, "streams": 3, "blocked": 20, "backlog_bytes": 200, "deliveries": 4000, "bytes_out": 50000, "newest": 1000},
		{"loop": 1, "subscribers": 1, "pending_connections": 20, "streams": 1, "blocked": 30, "backlog_bytes": 400, "deliveries": 3000, "bytes_out": 30000, "newest": 900},
	}
	for path, conns := range map[string]string{"/admin/status.json?limit=0": "[]", "/admin/status.json": "[{1 1} {2 0} {3 0}]"} {
		code, answer := get(path)
		got := parse[loopsJSON](t, code, answer)
		if !reflect.DeepEqual(got.Loops, want) {
			t.Errorf("%s: the loops are %v, want %v", path, got.Loops, want)
		}
		if got.Subscribers != 3 || got.Streams != 4 || got.Deliveries != 7000 {
			t.Errorf("%s: the totals are %+v", path, got)
		}
		if shown := fmt.Sprint(got.Connections); shown != conns {
			t.Errorf("%s: the connections and their loops are %s, want %s", path, shown, conns)
		}
	}
}

// TestMetricsOfTheLoops verifies each metric with the label loop, and that the totals have no
// label.
func TestMetricsOfTheLoops(t *testing.T) {
	code, answer := serveFake(t, twoLoops())("/metrics")
	if code != 200 {
		t.Fatal(code, answer)
	}
	for _, line := range []string{
		"ssed_subscribers 3", "ssed_deliveries_total 7000", "ssed_sent_bytes_total 80000", "ssed_backlog_bytes 600",
		`ssed_loop_subscribers{loop="0"} 2`, `ssed_loop_subscribers{loop="1"} 1`,
		`ssed_loop_pending_connections{loop="0"} 10`, `ssed_loop_pending_connections{loop="1"} 20`,
		`ssed_loop_blocked_connections{loop="0"} 20`, `ssed_loop_blocked_connections{loop="1"} 30`,
		`ssed_loop_backlog_bytes{loop="0"} 200`, `ssed_loop_backlog_bytes{loop="1"} 400`,
		`ssed_loop_deliveries_total{loop="0"} 4000`, `ssed_loop_deliveries_total{loop="1"} 3000`,
		`ssed_loop_sent_bytes_total{loop="0"} 50000`, `ssed_loop_sent_bytes_total{loop="1"} 30000`,
		`ssed_loop_newest_sequence{loop="0"} 1000`, `ssed_loop_newest_sequence{loop="1"} 900`,
		`ssed_loop_pass_seconds_count{loop="0"} 3`, `ssed_loop_pass_seconds_count{loop="1"} 5`,
		`ssed_loop_fan_out_seconds_count{loop="0"} 4`, `ssed_loop_fan_out_seconds_bucket{loop="1",le="5e-05"} 6`,
	} {
		if !strings.Contains(answer, "\n"+line+"\n") {
			t.Errorf("the line %s is missing", line)
		}
	}
	lintMetrics(t, answer)
}

// TestOneLoop verifies that a server with one loop has the same figures as its loop, and the
// metrics of the loop.
func TestOneLoop(t *testing.T) {
	h := serve(t)
	h.subscribe(t, "/subscribe/pets", "one")
	h.subscribe(t, "/subscribe/pets", "two")
	h.ask(t, "POST", "/admin/publish", "namespace=/pets&data=x")
	code, answer, _ := h.ask(t, "GET", "/admin/status.json", "")
	got := parse[loopsJSON](t, code, answer)
	if len(got.Loops) != 1 || got.Subscribers != 2 || got.Deliveries != 2 {
		t.Fatalf("%+v", got)
	}
	for name, want := range map[string]float64{"loop": 0, "subscribers": 2, "streams": 1, "deliveries": 2, "newest": 1} {
		if got.Loops[0][name] != want {
			t.Errorf("%s of the loop is %v, want %v", name, got.Loops[0][name], want)
		}
	}
	_, metrics, _ := h.ask(t, "GET", "/metrics", "")
	for _, line := range []string{`ssed_loop_subscribers{loop="0"} 2`, `ssed_loop_newest_sequence{loop="0"} 1`} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("the line %s is missing", line)
		}
	}
}

// TestSetsOfTheLoops verifies that namespaces.json has one object for a set with streams on several
// loops.
func TestSetsOfTheLoops(t *testing.T) {
	type setJSON struct {
		Namespaces                    []string
		Subscribers, Messages, Stream int
	}
	code, answer := serveFake(t, twoLoops())("/admin/namespaces.json")
	got := parse[struct{ Namespaces []setJSON }](t, code, answer).Namespaces
	// The oldest subscriber of /a is on loop 1.
	want := []setJSON{{[]string{"/a"}, 2, 70, 1}, {[]string{"/b"}, 1, 40, 2}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestLoopsThatDoNotAnswer verifies that a page fails, and shows no figures, if a loop hangs.
func TestLoopsThatDoNotAnswer(t *testing.T) {
	daemon := twoLoops()
	daemon.err = errors.New("loop 1 does not answer")
	get := serveFake(t, daemon)
	for path, want := range map[string]int{"/admin/status.json?limit=0": 503, "/admin/status.json": 503, "/admin/namespaces.json": 503, "/metrics": 500} {
		if code, answer := get(path); code != want || !strings.Contains(answer, "loop 1 does not answer") {
			t.Errorf("%s: %d %s, want %d", path, code, answer, want)
		}
	}
}
