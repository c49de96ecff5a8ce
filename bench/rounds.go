package main

import (
	"time"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// publish measures only the path from one publisher into the server.
func (b *bench) publish(spec server.Spec, replies bool) (values, error) {
	return b.publishFrom(spec, 1, replies)
}

// publishFrom is like publish, with several publishers.
func (b *bench) publishFrom(spec server.Spec, publishers int, replies bool) (values, error) {
	if spec.PublishPath != "" && !replies {
		return nil, nil // HTTP answers every request
	}
	p, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	return b.flood(p, spec, publishers, replies)
}

// flood does the same as publishFrom, on a server that is already running.
func (b *bench) flood(p *server.Process, spec server.Spec, publishers int, replies bool) (values, error) {
	config := load.FloodConfig{Publish: p.Publish, PostTo: spec.PublishPath, PayloadBytes: b.options.PayloadBytes, Publishers: publishers,
		Replies: replies, Measure: b.options.measure(), Drain: drainTimeout}
	warm := config
	warm.Measure = b.options.warm()
	if _, err := load.Flood(warm); err != nil {
		return nil, explain(err, p)
	}
	before, err := takeSnapshot(p)
	if err != nil {
		return nil, err
	}
	run, err := load.Flood(config)
	if err != nil {
		return nil, explain(err, p)
	}
	after, err := takeSnapshot(p)
	if err != nil {
		return nil, err
	}
	var spent effort
	spent.add(before, after)
	got := values{
		{linesPerSec, float64(run.Lines) / run.Elapsed.Seconds()},
		{cpuPerLine, float64(spent.server.own.Nanoseconds()) / float64(max(run.Lines, 1))},
	}
	got = append(got, spent.shares()...)
	return append(got, value{rssMiB, float64(after.rss) / mebi}), nil
}

// subscribers returns a generator that connects subscribers and publishes nothing.
func (b *bench) subscribers(p *server.Process, n int) (*load.Generator, error) {
	return load.New(load.Config{Subscribe: p.Subscribe, Topics: load.Split(n, 1), PayloadBytes: b.options.PayloadBytes})
}

// idle measures memory before the first subscriber connects, and again when memory has settled with
// all subscribers connected.
func (b *bench) idle(spec server.Spec) (values, error) {
	n := 18_500
	if b.options.Subscribers > 0 {
		n = b.options.Subscribers
	}
	p, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	still := min(b.options.measure(), stillMax)
	empty, _, err := settle(p, still)
	if err != nil {
		return nil, err
	}
	before, err := takeSnapshot(p)
	if err != nil {
		return nil, err
	}
	g, err := b.subscribers(p, n)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	start := time.Now()
	if err := g.Connect(connectTimeout); err != nil {
		return nil, explain(err, p)
	}
	took := time.Since(start)
	atOnce, err := takeSnapshot(p)
	if err != nil {
		return nil, err
	}
	full, settled, err := settle(p, still)
	if err != nil {
		return nil, err
	}
	return values{
		{rssPerSubscriber, float64(full-empty) / float64(n)},
		{rssAtOnce, float64(atOnce.rss-empty) / float64(n)},
		{rssMiB, float64(full) / mebi},
		{openSeconds, took.Seconds()},
		{settleSeconds, settled.Seconds()},
		{socketMiB, float64(atOnce.socket-before.socket) / mebi},
	}, nil
}

// stillMax is how long memory must be unchanged to count as settled. A shorter run uses its own
// length.
const stillMax = 2 * time.Second

// settle waits until the server's memory has been unchanged for the given time. It returns the
// memory and the time until it settled. Garbage that a runtime collects and returns within the
// limit is not part of the cost of a subscriber. Memory that the runtime keeps is.
func settle(p *server.Process, still time.Duration) (rss int64, took time.Duration, err error) {
	const (
		every = 100 * time.Millisecond
		noise = 64 << 10 // bytes
		limit = 15 * time.Second
	)
	start := time.Now()
	since := start
	if rss, err = p.RSS(); err != nil {
		return 0, 0, err
	}
	for time.Since(since) < still && time.Since(start) < limit {
		time.Sleep(every)
		now, err := p.RSS()
		if err != nil {
			return 0, 0, err
		}
		if now > rss+noise || now < rss-noise {
			rss, since = now, time.Now()
		}
	}
	return rss, since.Sub(start), nil
}
