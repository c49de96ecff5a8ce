package main

import (
	"fmt"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// The metrics that only the soak reports.
const (
	published      = "messages published"
	verified       = "deliveries verified"
	steadyVerified = "subscribers that missed nothing"
	opened         = "connections opened"
	endedLeft      = "ended orderly"
	endedReset     = "ended by reset"
	endedHurried   = "ended before the answer"
	endedCut       = "slow ones ended by the server"
	rssAtTenth     = "RSS MiB at 10 % of the time"
	rssAtHalf      = "RSS MiB at 50 %"
	rssAtEnd       = "RSS MiB at 100 %"
	rssMost        = "RSS MiB at most"
	rssAfter       = "RSS MiB after all left"
	socketMost     = "kernel socket MiB at most"
	filesBefore    = "descriptors before"
	filesMost      = "descriptors at most"
	filesAfter     = "descriptors after all left"
	pacedFirst     = "paced, first minute"
	pacedLast      = "paced, last minute"
	closedFirst    = "full rate, first minute"
	closedLast     = "full rate, last minute"
)

// The parameters of the soak.
const (
	soakSubscribers = 1000
	soakPublishers  = 4
	soakInFlight    = 256
	soakPacedPerSec = 100
	soakWindow      = time.Minute // of the latencies at the start and at the end
	soakSampleEvery = 5 * time.Second
	soakLeave       = time.Minute // limit for the disconnection of all subscribers
)

// soakNamespaces have several depths, and each of soakSubscriptions covers between one and all of
// them.
var (
	soakNamespaces = []string{"/soak", "/soak/1", "/soak/1/2", "/soak/1/2/3/4/5/6/7/8/9/10", "/soak/2/x/y", "/clock", "/clock/utc/seconds"}

	soakSubscriptions = [][]string{{"/soak"}, {"/soak/1"}, {"/soak/1/2/3"}, {"/soak/1", "/soak/2"}, {"/"}, {"/clock/utc"}, {"/clock", "/soak/2/x/y"}}
)

// A soaking is one run of the soak.
type soaking struct {
	b       *bench
	p       *server.Process
	crowd   *load.Crowd
	start   time.Time
	before  snapshot // before the first subscriber
	samples []snapshot
	soaked  load.CrowdCounts // the counts at the end of the measured time
	noted   time.Time        // time of the last progress line in a log
	// The latencies in the first and the last minute.
	closed, paced [2]*hdrhistogram.Histogram
}

func (b *bench) soak(spec server.Spec) (values, error) {
	p, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	if _, _, err := settle(p, min(b.options.measure()/4, stillMax)); err != nil {
		return nil, err
	}
	s := &soaking{b: b, p: p}
	for i := range s.closed {
		s.closed[i] = hdrhistogram.New(1, int64(time.Hour), 3)
		s.paced[i] = hdrhistogram.New(1, int64(time.Hour), 3)
	}
	if s.before, err = takeSnapshot(p); err != nil {
		return nil, err
	}
	got, err := s.run()
	if err != nil {
		return nil, explain(err, p)
	}
	return got, nil
}

// run connects the crowd, soaks, disconnects the crowd, and looks for leaks.
func (s *soaking) run() (values, error) {
	var err error
	if s.crowd, err = load.NewCrowd(s.config()); err != nil {
		return nil, err
	}
	defer s.crowd.Close()
	if err := s.crowd.Connect(connectTimeout); err != nil {
		return nil, err
	}
	if err := s.minutes(); err != nil {
		return nil, err
	}
	if err := s.crowd.Drain(drainTimeout); err != nil {
		return nil, err
	}
	if err := s.crowd.Leave(soakLeave); err != nil {
		return nil, err
	}
	s.crowd.Close() // closes the publishers, the only connections that are still open
	if err := awaitFiles(0, s.p, s.before.files); err != nil {
		return nil, err
	}
	after, err := takeSnapshot(s.p)
	if err != nil {
		return nil, err
	}
	return s.report(after), nil
}

func (s *soaking) config() load.CrowdConfig {
	n := soakSubscribers
	if s.b.options.Subscribers > 0 {
		n = s.b.options.Subscribers
	}
	config := load.CrowdConfig{Subscribe: s.p.Subscribe, Publish: s.p.Publish,
		Steady: n * 4 / 10, Churning: n * 4 / 10, Sipping: n / 10, Deaf: n / 10,
		Subscriptions: soakSubscriptions, Namespaces: soakNamespaces, PayloadBytes: s.b.options.PayloadBytes,
		Publishers: soakPublishers, InFlight: soakInFlight, PacedPerSec: soakPacedPerSec}
	if s.b.options.InFlight > 0 {
		config.InFlight = s.b.options.InFlight
	}
	return config
}

// minutes soaks for the measured time. It records latencies in the first and in the last minute.
func (s *soaking) minutes() error {
	s.start = time.Now()
	s.noted = s.start
	total := s.b.options.measure()
	window := min(soakWindow, total/3)
	for i, d := range []time.Duration{window, total - 2*window, window} {
		s.crowd.Closed, s.crowd.Paced = nil, nil
		if i != 1 {
			s.crowd.Closed, s.crowd.Paced = s.closed[i/2], s.paced[i/2]
		}
		if err := s.crowd.Run(d, min(soakSampleEvery, total/20), s.sample); err != nil {
			return fmt.Errorf("after %v: %w", time.Since(s.start).Round(time.Second), err)
		}
	}
	s.soaked = s.crowd.Counts
	return s.sample()
}

// sample records a snapshot of the server and reports progress: on a terminal in one line, in a log
// once a minute.
func (s *soaking) sample() error {
	if !s.p.Alive() {
		return fmt.Errorf("the server died")
	}
	now, err := takeSnapshot(s.p)
	if err != nil {
		return err
	}
	s.samples = append(s.samples, now)
	text := s.progress(now)
	s.b.say(text)
	if time.Since(s.noted) >= time.Minute && !onTerminal() {
		s.noted = time.Now()
		fmt.Fprintln(os.Stderr, text)
	}
	return nil
}

// progress returns a line with the progress of the soak and the state of the server.
func (s *soaking) progress(now snapshot) string {
	n := s.crowd.Counts
	var spent effort
	spent.add(s.samples[max(len(s.samples)-2, 0)], now)
	busy := spent.server.own.Seconds() / max(spent.elapsed.Seconds(), 1e-9)
	return fmt.Sprintf("soak: %v of %v, %s messages, %s deliveries, %d connections; server: %.0f %% busy, RSS %s MiB, %d descriptors; sockets %s MiB",
		time.Since(s.start).Round(time.Second), s.b.options.measure(), short(float64(n.Published)), short(float64(n.Heard)),
		n.Opened, 100*busy, short(float64(now.rss)/mebi), now.files, short(float64(now.socket)/mebi))
}

// at returns the first sample after a part of the time, from 0 to 1, had passed.
func (s *soaking) at(part float64) snapshot {
	due := s.start.Add(time.Duration(part * float64(s.b.options.measure())))
	for _, sample := range s.samples {
		if !sample.at.Before(due) {
			return sample
		}
	}
	return s.samples[len(s.samples)-1]
}

func (s *soaking) report(after snapshot) values {
	var most snapshot
	for _, sample := range s.samples {
		most.rss, most.socket, most.files = max(most.rss, sample.rss), max(most.socket, sample.socket), max(most.files, sample.files)
	}
	n := s.crowd.Counts
	got := values{
		{published, float64(n.Published)}, {verified, float64(n.Heard)}, {steadyVerified, float64(s.config().Steady)},
		{opened, float64(n.Opened)}, {endedLeft, float64(n.Left)}, {endedReset, float64(n.Reset)},
		{endedHurried, float64(n.Hurried)}, {endedCut, float64(n.Cut)},
		{rssAtTenth, float64(s.at(0.1).rss) / mebi}, {rssAtHalf, float64(s.at(0.5).rss) / mebi},
		{rssAtEnd, float64(s.at(1).rss) / mebi}, {rssMost, float64(most.rss) / mebi}, {rssAfter, float64(after.rss) / mebi},
		{socketMost, float64(most.socket) / mebi},
		{filesBefore, float64(s.before.files)}, {filesMost, float64(most.files)}, {filesAfter, float64(after.files)},
	}
	for i, name := range []string{pacedFirst, pacedLast} {
		got = append(got, latencies(name, s.paced[i])...)
	}
	for i, name := range []string{closedFirst, closedLast} {
		got = append(got, latencies(name, s.closed[i])...)
	}
	return append(got, crowdFlow(load.CrowdCounts{}, s.soaked, s.samples[0], s.samples[len(s.samples)-1])...)
}

func latencies(name string, h *hdrhistogram.Histogram) values {
	return values{
		{name + ": p50 ms", float64(h.ValueAtPercentile(50)) / 1e6},
		{name + ": p99 ms", float64(h.ValueAtPercentile(99)) / 1e6},
	}
}
