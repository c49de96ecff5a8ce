package main

import (
	"fmt"
	"time"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

const (
	acceptRound = 10_000
	// acceptBurst fits the accept queue of every server. Node and nginx request a queue of 511, and
	// a connection that overflows the queue waits for a second.
	acceptBurst = 500
)

// opener connects the generator's n subscribers and returns how long that took.
type opener func(g *load.Generator, p *server.Process, n int) (time.Duration, error)

// openSteadily opens the next connections as soon as earlier ones are answered. A connection costs
// the client more than the server. With one processor each, this mostly shows that the server keeps
// up.
func openSteadily(g *load.Generator, _ *server.Process, _ int) (time.Duration, error) {
	start := time.Now()
	err := g.Connect(connectTimeout)
	return time.Since(start), err
}

// openBursts stops the server, and lets connections and requests pile up before it. It measures the
// time from resuming the server to the last answer. This is the speed of the server alone, as when
// all clients reconnect at once.
func openBursts(g *load.Generator, p *server.Process, n int) (time.Duration, error) {
	var took time.Duration
	for opened := 0; opened < n; opened += acceptBurst {
		if err := p.Pause(); err != nil {
			return 0, err
		}
		err := g.Open(acceptBurst)
		start := time.Now()
		if err := p.Continue(); err != nil {
			return 0, err
		}
		if err != nil {
			return 0, err
		}
		if err := g.Answered(connectTimeout); err != nil {
			return 0, err
		}
		took += time.Since(start)
	}
	return took, nil
}

// accept opens connections in rounds. The time to close them between rounds is not measured.
func (b *bench) accept(spec server.Spec, open opener) (values, error) {
	n := acceptRound
	if b.options.Subscribers > 0 {
		n = b.options.Subscribers
	}
	p, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	files, err := p.Files()
	if err != nil {
		return nil, err
	}
	var (
		rounds int
		busy   time.Duration
		spent  effort
		limit  = time.Now().Add(3*b.options.measure() + connectTimeout)
	)
	for busy < b.options.measure() && time.Now().Before(limit) {
		took, err := b.round(p, n, open, &spent)
		if err != nil {
			return nil, explain(err, p)
		}
		rounds, busy = rounds+1, busy+took
		if err := awaitClosed(p, files); err != nil {
			return nil, err
		}
	}
	opened := float64(rounds * n)
	got := values{
		{connectionsPerSec, opened / busy.Seconds()},
		{cpuPerConnection, spent.server.own.Seconds() * 1e6 / opened},
	}
	return append(got, spent.shares()...), nil
}

// round opens n connections once and adds the cost to spent.
func (b *bench) round(p *server.Process, n int, open opener, spent *effort) (time.Duration, error) {
	g, err := b.subscribers(p, n)
	if err != nil {
		return 0, err
	}
	defer g.Close()
	before, err := takeSnapshot(p)
	if err != nil {
		return 0, err
	}
	took, err := open(g, p, n)
	if err != nil {
		return 0, err
	}
	after, err := takeSnapshot(p)
	if err != nil {
		return 0, err
	}
	spent.add(before, after)
	return took, nil
}

// awaitClosed waits until the server has closed the connections that the generator has closed, so
// that the next round starts clean.
func awaitClosed(p *server.Process, files int) error {
	const slack = 16 // descriptors that the server may have opened for itself
	return awaitFiles(slack, p, files)
}

// awaitFiles waits until the server has at most slack more descriptors than files.
func awaitFiles(slack int, p *server.Process, files int) error {
	const limit = 10 * time.Second
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		open, err := p.Files()
		if err != nil {
			return err
		}
		if open <= files+slack {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server still has %d descriptors open, %v after all clients left", open, limit)
		}
	}
}
