package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// along turns the scenario into a series: one case for each x, named after x and the unit.
func (s scenario) along(axis, unit string, run func(b *bench, spec server.Spec, x int) (values, error), xs ...int) scenario {
	s.axis, s.xs = axis, xs
	for _, x := range xs {
		s.cases = append(s.cases, testCase{
			name: grouped(x) + " " + unit,
			run:  func(b *bench, spec server.Spec) (values, error) { return run(b, spec, x) },
		})
	}
	return s
}

// grouped formats a number with commas between thousands.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}

// growth keeps a few messages in flight to an increasing number of subscribers.
func (b *bench) growth(spec server.Spec, subscribers int) (values, error) {
	if most := b.options.Subscribers; most > 0 {
		subscribers = min(subscribers, most)
	}
	inFlight := cmp.Or(b.options.InFlight, 16)
	return b.messages(spec.Crowded(), load.Config{Topics: load.Split(subscribers, 1), InFlight: inFlight})
}

// payload sends messages of one size. The number of bytes in flight is about the same for all
// sizes.
func (b *bench) payload(spec server.Spec, size int) (values, error) {
	const bytesInFlight, most = 256 << 10, 64
	topics := load.Split(cmp.Or(b.options.Subscribers, 200), 1)
	topics[0].PayloadBytes = size
	return b.messages(spec, load.Config{Topics: topics, InFlight: min(bytesInFlight/size, most)})
}

// namespaces spreads 10,000 subscribers over the namespaces, with one message in flight to the
// subscribers of each. If there are more namespaces than subscribers, every subscriber asks for a
// set. A server without namespaces (the floor) sends everything to all subscribers. That is
// different work, so it runs only the case with one namespace.
func (b *bench) namespaces(spec server.Spec, namespaces int) (values, error) {
	const subscribers = 10_000
	size := max(namespaces/subscribers, 1)
	if namespaces > 1 && !spec.Namespaces || size > 1 && !spec.Sets {
		return nil, nil
	}
	if size == 1 {
		return b.closedLoop(spec, subscribers, namespaces, 0, 1)
	}
	topics := load.Sets(cmp.Or(b.options.Subscribers, subscribers), cmp.Or(b.options.Subscribers, subscribers), size)
	return b.messages(spec, load.Config{Topics: topics, InFlight: 1})
}

// depth publishes to a namespace with the given number of segments. The subscribers are on all
// levels above it. The floor can be compared: it sends everything to all subscribers, and in this
// scenario all subscribers receive every message.
func (b *bench) depth(spec server.Spec, depth int) (values, error) {
	if spec.Peer {
		return nil, nil
	}
	return b.messages(spec, load.Config{Topics: load.Deep(cmp.Or(b.options.Subscribers, 1000), depth), InFlight: 16})
}

// sets publishes in turn to the namespaces of a set that all subscribers ask for.
func (b *bench) sets(spec server.Spec, size int) (values, error) {
	if spec.Peer {
		return nil, nil
	}
	return b.messages(spec, load.Config{Topics: load.Sets(cmp.Or(b.options.Subscribers, 1000), 1, size), InFlight: 16})
}

// slow makes some of the subscribers read 2 KiB ten times a second, and measures the messages that
// the others receive at the same time. A slow subscriber that the server disconnects reconnects.
// The messages are large so that even a server that sends few of them fills the buffers of the slow
// subscribers.
func (b *bench) slow(spec server.Spec, percent int) (values, error) {
	p, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	const size = 4 << 10
	total := cmp.Or(b.options.Subscribers, 200)
	sipping := total * percent / 100
	crowd, err := load.NewCrowd(load.CrowdConfig{Subscribe: p.Subscribe, Publish: p.Publish, PostTo: spec.PublishPath,
		Steady: total - sipping, Sipping: sipping, Subscriptions: [][]string{{"/bench"}}, Namespaces: []string{"/bench"},
		PayloadBytes: size, Publishers: 1, InFlight: cmp.Or(b.options.InFlight, 16), Patience: drainTimeout})
	if err != nil {
		return nil, err
	}
	defer crowd.Close()
	if err := crowd.Connect(connectTimeout); err != nil {
		return nil, explain(err, p)
	}
	got, err := b.sip(p, crowd, size)
	if err != nil {
		return nil, explain(err, p)
	}
	return got, nil
}

// sip warms up until the buffers of the slow subscribers are full, and then measures.
func (b *bench) sip(p *server.Process, crowd *load.Crowd, size int) (values, error) {
	if err := crowd.Run(min(b.options.measure(), 2*warmMax), time.Second, nothing); err != nil {
		return nil, err
	}
	before, err := takeSnapshot(p)
	if err != nil {
		return nil, err
	}
	start := crowd.Counts
	crowd.Closed = hdrhistogram.New(1, int64(time.Hour), 3)
	if err := crowd.Run(b.options.measure(), time.Second, nothing); err != nil {
		return nil, err
	}
	after, err := takeSnapshot(p)
	if err != nil {
		return nil, err
	}
	latency := crowd.Closed
	crowd.Closed = nil
	waiting := crowd.Waiting() * float64(size) / mebi
	got := crowdFlow(start, crowd.Counts, before, after)
	got = append(got, microseconds(latency)...)
	got = append(got,
		value{slowWaiting, waiting},
		value{endedCut, float64(crowd.Counts.Cut)},
		value{rssGrowthMiB, float64(after.rss-before.rss) / mebi},
		value{socketMiB, float64(after.socket) / mebi})
	return got, crowd.Drain(drainTimeout)
}
