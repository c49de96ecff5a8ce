package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
	"github.com/ssed/ssed/bench/stats"
)

// The metrics that only the loops scenario reports.
const (
	reachedFirst      = "until the first subscriber has it ms"
	reachedHalf       = "until half have it ms"
	reachedLast       = "until the last has it ms"
	burstsMeasured    = "bursts"
	fullestLoop       = "share of the fullest loop"
	publishersPerLine = "publishers' loop CPU ns/line"
	storePerMessage   = "NATS server CPU us/message"
)

// The parameters of the loops scenario.
const (
	burstSubscribers = 18_000
	burstsMax        = 100
	burstSleep       = time.Second // seven times as long as one loop needs for burstSubscribers
	burstSleepMax    = 16 * time.Second
	comparedTotal    = 1000 // subscribers of all daemons that are compared
)

// withLoops returns a case that runs on a daemon with n event loops. The daemon may use all
// processors, whatever --server-cpu is.
func withLoops(n int, run func(*bench, server.Spec) (values, error)) func(*bench, server.Spec) (values, error) {
	return anywhere(func(b *bench, spec server.Spec) (values, error) {
		return run(b, spec.With("--loops="+strconv.Itoa(n)))
	})
}

// withOwnLoop returns a case that runs on a daemon with one event loop for subscribers, and one for
// publishers, as a daemon with several loops has.
func withOwnLoop(run func(*bench, server.Spec) (values, error)) func(*bench, server.Spec) (values, error) {
	return withLoops(1, func(b *bench, spec server.Spec) (values, error) { return run(b, spec.With("--publish-loop=own")) })
}

// anywhere returns a case that runs on servers that may use all processors.
func anywhere(run func(*bench, server.Spec) (values, error)) func(*bench, server.Spec) (values, error) {
	return func(b *bench, spec server.Spec) (values, error) {
		spread := *b
		spread.options.ServerCPU = -1
		return run(&spread, spec)
	}
}

func (b *bench) inFlight64(spec server.Spec) (values, error) {
	return b.closedLoop(spec, 1000, 1, 0, 64)
}

// empty measures the memory of a daemon without subscribers.
func (b *bench) empty(spec server.Spec) (values, error) {
	p, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	rss, settled, err := settle(p, min(b.options.measure(), stillMax))
	return values{{rssMiB, float64(rss) / mebi}, {settleSeconds, settled.Seconds()}}, err
}

// bursts sends single messages to many subscribers, and measures when each of them has it. The
// generator sleeps until the message has arrived everywhere, so that the server has all processors.
func (b *bench) bursts(spec server.Spec) (values, error) {
	p, err := server.Start(spec.Crowded(), b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	n := cmp.Or(b.options.Subscribers, burstSubscribers)
	g, err := load.New(load.Config{Subscribe: p.Subscribe, Publish: p.Publish, Topics: load.Split(n, 1),
		PayloadBytes: b.options.PayloadBytes, InFlight: 1})
	if err != nil {
		return nil, err
	}
	defer g.Close()
	if err := g.Connect(connectTimeout); err != nil {
		return nil, explain(err, p)
	}
	byLoop, err := p.SubscribersByLoop()
	if err != nil {
		return nil, explain(err, p)
	}
	all, err := g.Bursts(drainTimeout)
	if err != nil {
		return nil, explain(err, p)
	}
	got, err := b.burstsOf(p, all, n)
	if err != nil {
		return nil, explain(err, p)
	}
	return append(got, value{fullestLoop, float64(slices.Max(byLoop)) / float64(n)}), nil
}

// burstsOf repeats bursts for the measured time. If a sleep was too short, the burst does not
// count, and the next sleep is twice as long.
func (b *bench) burstsOf(p *server.Process, all *load.Bursts, subscribers int) (values, error) {
	var (
		spent             effort
		first, half, last []float64
		sleep             = burstSleep
		end               = time.Now().Add(b.options.measure())
	)
	for len(last) == 0 || time.Now().Before(end) && len(last) < burstsMax {
		var before, after snapshot
		if err := before.measureWork(p); err != nil {
			return nil, err
		}
		burst, err := all.Next(sleep, drainTimeout, func() error { return after.measureWork(p) })
		switch {
		case err != nil:
			return nil, err
		case !burst.Slept && sleep >= burstSleepMax:
			return nil, fmt.Errorf("the message was not delivered to all subscribers within %v", sleep)
		case !burst.Slept:
			sleep *= 2
		default:
			spent.add(before, after)
			first, half, last = append(first, ms(burst.First)), append(half, ms(burst.Half)), append(last, ms(burst.Last))
		}
	}
	got := values{
		{reachedFirst, stats.Median(first)}, {reachedHalf, stats.Median(half)}, {reachedLast, stats.Median(last)},
		{cpuPerDelivery, float64(spent.server.own.Nanoseconds()) / float64(len(last)*subscribers)},
		{burstsMeasured, float64(len(last))},
	}
	return append(got, spent.shares()...), nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// publishProfiled measures one publisher without subscribers, and the part of the server's CPU time
// that the publishers' loop takes. The goroutine of that loop moves between threads, so only a
// profile shows its time.
func (b *bench) publishProfiled(spec server.Spec) (values, error) {
	p, err := server.Start(spec.WithProfiles(), b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	var share float64
	profiled := make(chan error, 1)
	go func() {
		var err error
		share, err = p.Profile(b.dir, server.PublishersLoop, b.options.measure())
		profiled <- err
	}()
	got, err := b.flood(p, spec, 1, false)
	profileErr := <-profiled
	if err := cmp.Or(err, profileErr); err != nil {
		return nil, explain(err, p)
	}
	perLine, _ := got.get(cpuPerLine)
	return append(got, value{publishersPerLine, share * perLine}), nil
}

// shareNATS runs two daemons that share one NATS server, with as many subscribers as one daemon of
// the cases that they are compared with.
func (b *bench) shareNATS(spec server.Spec) (values, error) {
	const daemons, servers = 2, 1
	return b.daemonsOf(spec, daemons, servers, b.options.ServerCPU, max(cmp.Or(b.options.Subscribers, comparedTotal)/daemons, 1))
}
