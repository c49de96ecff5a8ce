package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// probeNice gives the probes priority over the load, which runs on the same processor. They must
// measure how long the server takes to answer, and not how long they wait for the load.
const probeNice = -10

// A latencyMetric holds the names of the metrics for the latency of one kind of probe.
type latencyMetric struct {
	p50, p99, max string
}

func newLatencyMetric(of string) latencyMetric {
	return latencyMetric{of + " p50 ms", of + " p99 ms", of + " max ms"}
}

var (
	acceptLatency = newLatencyMetric("accept")
	pingLatency   = newLatencyMetric("PING")
	adminLatency  = newLatencyMetric("admin")
	// The latencies of the same probes at an idle daemon, which runs on the load's processor with
	// priority over the load. They show how much of the other latencies the probe and the machine
	// add.
	idleAccept = newLatencyMetric("idle daemon: accept")
	idlePing   = newLatencyMetric("idle daemon: PING")
	idleAdmin  = newLatencyMetric("idle daemon: admin")
)

const (
	noAdmin   = "no admin"
	probeRank = "probe's nice"
)

func (m latencyMetric) of(l server.ProbeLatency) values {
	if l.Count == 0 {
		return nil
	}
	return values{
		{m.p50, l.P50.Seconds() * 1e3},
		{m.p99, l.P99.Seconds() * 1e3},
		{m.max, l.Max.Seconds() * 1e3},
	}
}

// responsive probes a daemon that is as busy as publishers can make it, and an idle daemon at the
// same time.
func (b *bench) responsive(spec server.Spec, publishers, inFlight int) (values, error) {
	path, err := server.BuildProbe(b.dir)
	if err != nil {
		return nil, err
	}
	p, err := server.Start(spec.Crowded(), b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	idle, err := server.Start(spec, b.options.LoadCPU)
	if err != nil {
		return nil, err
	}
	defer idle.Stop()
	_ = server.Nice(idle.PID, probeNice) // the report shows the nice value of the probes, which fails in the same way
	crowd, err := b.crowdOf(p, publishers, inFlight)
	if err != nil {
		return nil, err
	}
	defer crowd.Close()
	if err := crowd.Connect(connectTimeout); err != nil {
		return nil, explain(err, p)
	}
	got, err := b.askBoth(path, crowd, p, idle)
	if err != nil {
		return nil, explain(err, p)
	}
	return got, nil
}

// crowdOf returns subscribers that all receive the same messages. Its publishers go as fast as the
// slowest subscriber reads.
func (b *bench) crowdOf(p *server.Process, publishers, inFlight int) (*load.Crowd, error) {
	config := load.CrowdConfig{Subscribe: p.Subscribe, Publish: p.Publish, Steady: 19_000, PayloadBytes: b.options.PayloadBytes,
		Subscriptions: [][]string{{"/bench"}}, Namespaces: []string{"/bench"}, Publishers: publishers, InFlight: inFlight}
	if b.options.Subscribers > 0 {
		config.Steady = b.options.Subscribers
	}
	if b.options.InFlight > 0 {
		config.InFlight = b.options.InFlight
	}
	return load.NewCrowd(config)
}

// askBoth keeps the crowd running while both daemons are probed.
func (b *bench) askBoth(path string, crowd *load.Crowd, busy, idle *server.Process) (values, error) {
	if err := crowd.Run(min(b.options.measure()/4, warmMax), time.Second, nothing); err != nil {
		return nil, err
	}
	var fromBusy, fromIdle *server.ProbeAnswers
	asked, err := b.startProbes(path, busy, idle, &fromBusy, &fromIdle)
	if err != nil {
		return nil, err
	}
	before, err := takeSnapshot(busy)
	if err != nil {
		return nil, err
	}
	start := crowd.Counts
	if err := runUntil(crowd, asked, b.options.measure()+drainTimeout+connectTimeout); err != nil {
		return nil, err
	}
	after, err := takeSnapshot(busy)
	if err != nil {
		return nil, err
	}
	got := answersOf(fromBusy, fromIdle)
	got = append(got, crowdFlow(start, crowd.Counts, before, after)...)
	return got, crowd.Drain(drainTimeout)
}

func nothing() error { return nil }

// startProbes starts a probe of each daemon. It sets fromBusy and fromIdle before it sends on
// asked.
func (b *bench) startProbes(path string, busy, idle *server.Process, fromBusy, fromIdle **server.ProbeAnswers) (asked <-chan error, err error) {
	config := server.ProbeConfig{Path: path, Target: busy, Admin: b.options.Admin, PerSec: b.options.ProbeRate, Time: b.options.measure(), Nice: probeNice}
	busyProbe, err := server.Probe(config)
	if err != nil {
		return nil, err
	}
	config.Target, config.Admin = idle, ""
	idleProbe, err := server.Probe(config)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		var err, err2 error
		*fromBusy, err = busyProbe()
		*fromIdle, err2 = idleProbe()
		ended <- errors.Join(err, err2)
	}()
	return ended, nil
}

// runUntil keeps the crowd running until over receives a value.
func runUntil(crowd *load.Crowd, over <-chan error, limit time.Duration) error {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		if err := crowd.Run(50*time.Millisecond, time.Second, nothing); err != nil {
			return err
		}
		select {
		case err := <-over:
			return err
		default:
		}
	}
	return fmt.Errorf("the probes are still running after %v", limit)
}

func answersOf(busy, idle *server.ProbeAnswers) values {
	got := acceptLatency.of(busy.Accept)
	got = append(got, pingLatency.of(busy.Ping)...)
	got = append(got, adminLatency.of(busy.Admin)...)
	if busy.Admin.Count == 0 {
		got = append(got, value{noAdmin, 1})
	}
	got = append(got, idleAccept.of(idle.Accept)...)
	got = append(got, idlePing.of(idle.Ping)...)
	got = append(got, idleAdmin.of(idle.Admin)...)
	return append(got, value{probeRank, float64(busy.Nice)})
}

// crowdFlow returns the message rates of a crowd between two snapshots, and the server CPU they
// cost.
func crowdFlow(start, end load.CrowdCounts, before, after snapshot) values {
	var spent effort
	spent.add(before, after)
	seconds := spent.elapsed.Seconds()
	heard := end.Heard - start.Heard
	got := values{
		{messagesPerSec, float64(end.Published-start.Published) / seconds},
		{deliveriesPerSec, float64(heard) / seconds},
		{cpuPerDelivery, float64(spent.server.own.Nanoseconds()) / float64(max(heard, 1))},
	}
	return append(got, spent.shares()...)
}
