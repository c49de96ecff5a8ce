package main

import (
	"cmp"
	"time"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// stormSubscribers is less than half of 19,000 descriptors, because a server may notice late that a
// client has disconnected.
const stormSubscribers = 9000

// storm simulates a lost uplink: all subscribers are disconnected, and all reconnect at once. No
// client waits for the answer to another. If the listener's queue is full, the kernel retries a
// connection after one second, and then after two more.
func (b *bench) storm(spec server.Spec) (values, error) {
	p, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	n := cmp.Or(b.options.Subscribers, stormSubscribers)
	first, err := b.subscribers(p, n)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	if err := first.Connect(connectTimeout); err != nil {
		return nil, explain(err, p)
	}
	second, err := load.New(load.Config{Subscribe: p.Subscribe, Publish: p.Publish, PostTo: spec.PublishPath, Topics: load.Split(n, 1),
		PayloadBytes: b.options.PayloadBytes, InFlight: 1, Measure: min(b.options.measure(), warmMax), Drain: drainTimeout})
	if err != nil {
		return nil, err
	}
	defer second.Close()
	before, err := takeSnapshot(p)
	if err != nil {
		return nil, err
	}
	first.Close()
	start := time.Now()
	if err := second.Rush(connectTimeout); err != nil {
		return nil, explain(err, p)
	}
	took := time.Since(start)
	after, err := takeSnapshot(p)
	if err != nil {
		return nil, err
	}
	// Subscribers count as reconnected only when they receive a message.
	if _, err := second.Run(load.Hooks{}); err != nil {
		return nil, explain(err, p)
	}
	var spent effort
	spent.add(before, after)
	got := values{
		{backSeconds, took.Seconds()},
		{answerP50, float64(second.Answers().ValueAtPercentile(50)) / 1e6},
		{answerP99, float64(second.Answers().ValueAtPercentile(99)) / 1e6},
		{cpuPerConnection, spent.server.own.Seconds() * 1e6 / float64(n)},
		{rssGrowthMiB, float64(after.rss-before.rss) / mebi},
	}
	return append(got, spent.shares()...), nil
}
