package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// The metrics that only the resume scenario reports.
const (
	caughtUpSeconds  = "seconds until all have what they missed"
	liveSeconds      = "seconds until all were seen to be live"
	replayedPerSec   = "replayed messages/s"
	replaysOfAll     = "replays of all"
	rssEmpty         = "RSS MiB before the first message"
	rssKept          = "RSS MiB with all kept"
	rssComeback      = "RSS MiB at most, as they came back"
	rssLive          = "RSS MiB with all live"
	frameBytes       = "bytes of a kept frame"
	besideFrame      = "RSS bytes of a kept message, beside its frame"
	bystandersBefore = "bystanders, before"
	bystandersDuring = "bystanders, during"
	bystandersAfter  = "bystanders, after"
)

var (
	pingBefore = newLatencyMetric("before: PING")
	pingDuring = newLatencyMetric("during: PING")
)

// The parameters of the resume scenario.
const (
	resumeNamespaces = 10_000
	resumeEach       = 100
	keepHistory      = "--history=100" // as many as resumeEach
	comebackMax      = time.Minute
)

// scanned runs the closed loop of fanout. The load reads frames with and without ids in the same
// way.
func (b *bench) scanned(spec server.Spec) (values, error) {
	subscribers := cmp.Or(b.options.Subscribers, 1000)
	config := load.Config{Topics: load.Split(subscribers, 1), InFlight: 64, Scan: true}
	return b.messages(spec, config)
}

// A resuming is a run with a daemon that has a full history. Bystanders read a steady stream from
// it at the same time.
type resuming struct {
	b          *bench
	p          *server.Process
	kept       *load.Kept
	bystanders *bystanders
	values     values
	full       int64 // RSS in bytes with a full history
}

// fill starts a daemon that keeps messages and fills its history. It measures the daemon's memory
// before and after, and then connects the bystanders.
func (b *bench) fill(spec server.Spec) (r *resuming, err error) {
	r = &resuming{b: b}
	if r.p, err = server.Start(spec, b.options.ServerCPU); err != nil {
		return nil, err
	}
	still := min(b.options.measure(), stillMax)
	empty, _, err := settle(r.p, still)
	if err == nil {
		r.kept, err = load.NewKept(load.KeptConfig{Subscribe: r.p.Subscribe, Publish: r.p.Publish,
			Namespaces: b.namespacesKept(), Each: resumeEach, PayloadBytes: b.options.PayloadBytes})
	}
	if err == nil {
		r.full, _, err = settle(r.p, still)
	}
	if err == nil {
		r.bystanders, err = b.standBy(r.p)
	}
	if err != nil {
		err = explain(err, r.p)
		r.close()
		return nil, err
	}
	messages, frames := float64(r.kept.Messages()), float64(r.kept.FrameBytes())
	r.values = values{
		{rssEmpty, float64(empty) / mebi}, {rssKept, float64(r.full) / mebi},
		{frameBytes, frames / messages}, {besideFrame, (float64(r.full-empty) - frames) / messages},
	}
	return r, nil
}

func (b *bench) namespacesKept() int {
	if b.options.Subscribers > 0 {
		return b.options.Subscribers
	}
	return resumeNamespaces
}

func (r *resuming) close() {
	if r.kept != nil {
		r.kept.Close()
	}
	r.p.Stop()
}

// noticed disconnects the bystanders and returns their latencies. It fails if err is set, or if the
// bystanders had an error.
func (r *resuming) noticed(err error) (values, error) {
	got, bystandersErr := r.bystanders.leave()
	if err != nil || bystandersErr != nil {
		return nil, explain(fmt.Errorf("resuming clients: %v; bystanders: %v", err, bystandersErr), r.p)
	}
	return got, nil
}

// manyComeBack reconnects one client per namespace, all together. Each resumes from what it missed
// in its own namespace. At the same time the latency of the bystanders' steady stream is measured.
func (b *bench) manyComeBack(spec server.Spec) (values, error) {
	r, err := b.fill(spec)
	if err != nil {
		return nil, err
	}
	defer r.close()
	clients, err := r.kept.EachItsOwn()
	if err != nil {
		return nil, err
	}
	defer clients.Close()
	time.Sleep(b.options.measure())
	err = r.comeBack(clients)
	if err == nil {
		time.Sleep(b.options.measure())
	}
	got, err := r.noticed(err)
	if err != nil {
		return nil, err
	}
	settled, _, err := settle(r.p, min(b.options.measure(), stillMax))
	r.values = append(r.values, value{rssLive, float64(settled) / mebi})
	return append(r.values, got...), err
}

// comeBack measures how long it takes until all clients have caught up, and until all have received
// a live message. The live messages are sent to all clients at once. That is a different load, so
// it does not count in the bystanders' latencies.
func (r *resuming) comeBack(clients *load.Comeback) error {
	defer r.bystanders.enter(after)
	if err := r.p.ForgetPeak(); err != nil {
		return err
	}
	before, err := takeSnapshot(r.p)
	if err != nil {
		return err
	}
	r.bystanders.enter(during)
	start := time.Now()
	if err := clients.CatchUp(comebackMax); err != nil {
		return err
	}
	caughtUp := time.Since(start)
	spent, err := r.spentSince(before)
	if err != nil {
		return err
	}
	r.bystanders.enter(ignored)
	if err := clients.HearLive(comebackMax); err != nil {
		return err
	}
	live := time.Since(start)
	peak, err := r.p.PeakRSS()
	r.values = append(r.values, values{
		{caughtUpSeconds, caughtUp.Seconds()}, {liveSeconds, live.Seconds()},
		{replayedPerSec, float64(r.kept.Messages()) / caughtUp.Seconds()}, {rssComeback, float64(peak) / mebi},
	}...)
	r.values = append(r.values, spent.shares()...)
	return err
}

func (r *resuming) spentSince(before snapshot) (spent effort, err error) {
	after, err := takeSnapshot(r.p)
	spent.add(before, after)
	return spent, err
}

// oneComesBack lets one client, which subscribes to all namespaces, resume from the start, again
// and again. At the same time it measures how long a PING waits.
func (b *bench) oneComesBack(spec server.Spec) (values, error) {
	path, err := server.BuildProbe(b.dir)
	if err != nil {
		return nil, err
	}
	r, err := b.fill(spec)
	if err != nil {
		return nil, err
	}
	defer r.close()
	got, err := r.noticed(r.askAndReplay(path))
	return append(r.values, got...), err
}

// askAndReplay sends PINGs for a while when no client resumes, and then while clients resume.
func (r *resuming) askAndReplay(path string) error {
	quiet, err := server.Probe(r.probe(path))
	if err != nil {
		return err
	}
	before, err := quiet()
	if err != nil {
		return err
	}
	r.bystanders.enter(during)
	start, err := takeSnapshot(r.p)
	if err != nil {
		return err
	}
	busy, err := server.Probe(r.probe(path))
	if err != nil {
		return err
	}
	replays, err := r.replayAll(r.b.options.measure())
	took := time.Since(start.at)
	if err != nil {
		return err
	}
	spent, err := r.spentSince(start)
	if err != nil {
		return err
	}
	answers, err := busy()
	if err != nil {
		return err
	}
	r.values = append(r.values, values{{replaysOfAll, float64(replays)},
		{replayedPerSec, float64(replays*r.kept.Messages()) / took.Seconds()}}...)
	r.values = append(r.values, pingBefore.of(before.Ping)...)
	r.values = append(r.values, pingDuring.of(answers.Ping)...)
	r.values = append(r.values, spent.shares()...)
	return nil
}

func (r *resuming) probe(path string) server.ProbeConfig {
	o := r.b.options
	return server.ProbeConfig{Path: path, Target: r.p, Admin: o.Admin, PerSec: o.ProbeRate, Time: o.measure(), Nice: probeNice}
}

// replayAll replays the whole history to one client after another, for at least the given time.
func (r *resuming) replayAll(atLeast time.Duration) (replays int, err error) {
	for end := time.Now().Add(atLeast); time.Now().Before(end); replays++ {
		client, err := r.kept.OfAll()
		if err != nil {
			return replays, err
		}
		err = client.CatchUp(comebackMax)
		client.Close()
		if err != nil {
			return replays, err
		}
	}
	return replays, nil
}
