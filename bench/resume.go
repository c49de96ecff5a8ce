package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// What the resume scenario adds to the metrics.
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

// What it is made of.
const (
	resumeNamespaces = 10_000
	resumeEach       = 100
	keepHistory      = "--history=100" // the same
	comebackMax      = time.Minute
)

// scanned is the closed loop of fanout, read in the same way with and without ids.
func (b *bench) scanned(spec server.Spec) (values, error) {
	subscribers := cmp.Or(b.options.Subscribers, 1000)
	config := load.Config{Topics: load.Split(subscribers, 1), InFlight: 64, Scan: true}
	return b.messages(spec, config)
}

// A resuming is a daemon whose history was filled, and others who hear a steady stream of it
// meanwhile.
type resuming struct {
	b      *bench
	p      *server.Process
	kept   *load.Kept
	others *bystanders
	values values
	full   int64 // RSS
}

// fill starts a daemon, which is to keep messages, and fills its history, weighs it before and
// after, and has the others come.
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
		r.others, err = b.standBy(r.p)
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

// noticed sends the others away and returns what they noticed, unless something went wrong: err, or
// among themselves.
func (r *resuming) noticed(err error) (values, error) {
	got, errOthers := r.others.leave()
	if err != nil || errOthers != nil {
		return nil, explain(fmt.Errorf("coming back: %v; the others: %v", err, errOthers), r.p)
	}
	return got, nil
}

// manyComeBack lets as many clients as there are namespaces come back together, each for what it
// missed of its own, and looks at what others, who hear a steady stream, notice of it.
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

// comeBack takes the time. That a message for each of the clients follows all at once, to see that
// they are live, is another load, and nothing that the others are asked about.
func (r *resuming) comeBack(clients *load.Comeback) error {
	defer r.others.enter(after)
	if err := r.p.ForgetPeak(); err != nil {
		return err
	}
	before, err := look(r.p)
	if err != nil {
		return err
	}
	r.others.enter(during)
	start := time.Now()
	if err := clients.CatchUp(comebackMax); err != nil {
		return err
	}
	caughtUp := time.Since(start)
	spent, err := r.spentSince(before)
	if err != nil {
		return err
	}
	r.others.enter(aside)
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
	after, err := look(r.p)
	spent.add(before, after)
	return spent, err
}

// oneComesBack lets one client that hears all come back for everything, time and again, and asks
// meanwhile how long a PING waits.
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

// askAndReplay asks for a while as nobody comes back, and for as long as somebody does.
func (r *resuming) askAndReplay(path string) error {
	quiet, err := server.Probe(r.probe(path))
	if err != nil {
		return err
	}
	before, err := quiet()
	if err != nil {
		return err
	}
	r.others.enter(during)
	start, err := look(r.p)
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

// replayAll has everything replayed to one client after the other, for at least so long.
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
