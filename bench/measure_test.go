package main

import (
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ssed/ssed/bench/load"
)

// moments returns two snapshots, two seconds apart. Between them, the server worked for one second
// while its processor worked for 1.5 s. The load worked for 200 ms while its processor worked for
// 220 ms.
func moments() (before, after snapshot) {
	at := time.Now()
	before = snapshot{at: at, server: labor{5 * time.Second, time.Second}, load: labor{3 * time.Second, 0}, rss: 10 << 20, socket: 1 << 20, files: 900}
	after = snapshot{at: at.Add(2 * time.Second), server: labor{6 * time.Second, 2500 * time.Millisecond},
		load: labor{3200 * time.Millisecond, 220 * time.Millisecond}, rss: 13 << 20, socket: 4 << 20, files: 700}
	return before, after
}

func check(t *testing.T, got values, want map[string]float64) {
	t.Helper()
	for metric, x := range want {
		if y, ok := got.get(metric); !ok || y < x*0.999 || y > x*1.001 {
			t.Errorf("%s is %v (%v), want %v", metric, y, ok, x)
		}
	}
}

// TestFlow checks the metrics that flow computes from a run and two snapshots.
func TestFlow(t *testing.T) {
	latency := hdrhistogram.New(1, int64(time.Hour), 3)
	for i := range 1000 {
		latency.RecordValue(int64(i+1) * 1000) // 1 us to 1 ms
	}
	before, after := moments()
	got := flow(&load.Result{Messages: 400, Deliveries: 400_000, Bytes: 50e6, Elapsed: 2 * time.Second, Latency: latency}, before, after)
	check(t, got, map[string]float64{
		deliveriesPerSec: 200_000, messagesPerSec: 200, megabytesPerSec: 25, cpuPerDelivery: 1e9 / 400_000,
		latencyP50: 500, latencyP99: 990, latencyP999: 999, latencyMax: 1000,
		serverBusy: 0.5, loadBusy: 0.1, serverDisturbed: 0.25, loadDisturbed: 0.01,
		rssMiB: 13, rssGrowthMiB: 3, socketMiB: 4,
	})
	if _, ok := got.get(unexpectedStreams); ok {
		t.Error("scanned streams are reported although no stream was scanned")
	}
	if got := microseconds(hdrhistogram.New(1, 10, 1)); got != nil {
		t.Errorf("latencies without any delivery: %v", got)
	}
}

// TestCrowdFlow checks the rates that crowdFlow computes between two counts.
func TestCrowdFlow(t *testing.T) {
	before, after := moments()
	got := crowdFlow(load.CrowdCounts{Published: 50, Heard: 10_000}, load.CrowdCounts{Published: 150, Heard: 60_000}, before, after)
	check(t, got, map[string]float64{messagesPerSec: 50, deliveriesPerSec: 25_000, cpuPerDelivery: 1e9 / 50_000, serverBusy: 0.5, loadBusy: 0.1})
}

// TestEffortAddsUp checks that effort sums over pairs of snapshots.
func TestEffortAddsUp(t *testing.T) {
	before, after := moments()
	var e effort
	e.add(before, after)
	e.add(before, after)
	if e.elapsed != 4*time.Second || e.server != (labor{2 * time.Second, 3 * time.Second}) || e.load != (labor{400 * time.Millisecond, 440 * time.Millisecond}) {
		t.Errorf("%+v", e)
	}
}

// TestPlausible runs scenarios on the real daemon and checks that the metrics fit together.
func TestPlausible(t *testing.T) {
	o := good()
	o.Scenario, o.Server, o.Seconds, o.Subscribers = []string{"fanout", "steady", "growth", "storm", "slow"}, []string{"ssed", "floor"}, 0.3, 40
	for _, r := range play(t, o) {
		v := r.Values
		switch r.Scenario {
		case "fanout", "growth", "steady":
			each := 40.0
			if r.Case == "10 subscribers" {
				each = 10
			}
			// Messages in flight at the start and the end of the measured time may count as
			// deliveries but not as messages, and the other way round.
			if ratio := v[deliveriesPerSec] / v[messagesPerSec]; ratio < 0.7*each || ratio > 1.4*each {
				t.Errorf("%s, %s, %s: %v deliveries per message to %v subscribers", r.Scenario, r.Case, r.Server, ratio, each)
			}
			if v[serverBusy] <= 0 || v[serverBusy] > 1.5 || v[latencyP50] <= 0 || v[latencyP50] > v[latencyP99] || v[latencyP99] > v[latencyMax] {
				t.Errorf("%s, %s, %s: %v", r.Scenario, r.Case, r.Server, v)
			}
			if r.Scenario == "steady" && (v[messagesPerSec] < 70 || v[messagesPerSec] > 130) {
				t.Errorf("%v messages/s, want about 100", v[messagesPerSec])
			}
		case "storm":
			if v[backSeconds] <= 0 || v[backSeconds] > 10 || v[answerP99] > v[backSeconds]*1e3 || v[answerP50] > v[answerP99] {
				t.Errorf("storm on %s: %v", r.Server, v)
			}
		case "slow":
			if noticed := v[slowWaiting]+v[endedCut] > 0; noticed != (r.Case != "0 % slow") {
				t.Errorf("%s on %s: %v MiB wait for each slow subscriber, %v were disconnected", r.Case, r.Server, v[slowWaiting], v[endedCut])
			}
		}
	}
}

// TestServerOnAllProcessors verifies that work of the load does not count as a disturbance of a
// server that may use the load's processor, nor the other way round.
func TestServerOnAllProcessors(t *testing.T) {
	s := snapshot{load: labor{own: 1 << 62, processor: 1}}
	if err := s.shareProcessors(); err != nil {
		t.Fatal(err)
	}
	// The load has worked longer than the processors of this machine, so the rest is below 0.
	if s.server.processor > 0 || s.load.processor != 0 {
		t.Errorf("%+v", s)
	}
}
