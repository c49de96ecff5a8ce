package main

import (
	"fmt"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// The soak's own metrics.
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

// What the soak is made of.
const (
	soakSubscribers = 1000
	soakPublishers  = 4
	soakInFlight    = 256
	soakPacedPerSec = 100
	soakWindow      = time.Minute // of the latencies at the start and at the end
	soakSampleEvery = 5 * time.Second
	soakLeave       = time.Minute // what going may take all of them
)

// soakNamespaces are of several depths, and soakSubscriptions hear from one to all of them.
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
	soaked  load.CrowdCounts // what was done when the time was over
	noted   time.Time        // when progress was told last
	// Latencies, first and last minute.
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
	if s.before, err = look(p); err != nil {
		return nil, err
	}
	got, err := s.run()
	if err != nil {
		return nil, explain(err, p)
	}
	return got, nil
}

// run lets the crowd come, soaks, lets it go, and looks at what is left behind.
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
	s.crowd.Close() // the publishers, who are all that is left
	if err := forgottenBut(0, s.p, s.before.files); err != nil {
		return nil, err
	}
	after, err := look(s.p)
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

// minutes soaks for the measured time, and takes latencies in the first and in the last minute of
// it.
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

// sample looks at the server and tells how it goes: on a terminal in one line, in a log each
// minute.
func (s *soaking) sample() error {
	if !s.p.Alive() {
		return fmt.Errorf("the server died")
	}
	now, err := look(s.p)
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

// progress is a line that says how far the soak is and how the server is.
func (s *soaking) progress(now snapshot) string {
	n := s.crowd.Counts
	var spent effort
	spent.add(s.samples[max(len(s.samples)-2, 0)], now)
	busy := spent.server.own.Seconds() / max(spent.elapsed.Seconds(), 1e-9)
	return fmt.Sprintf("soak: %v of %v, %s messages, %s deliveries, %d connections; server: %.0f %% busy, RSS %s MiB, %d descriptors; sockets %s MiB",
		time.Since(s.start).Round(time.Second), s.b.options.measure(), short(float64(n.Published)), short(float64(n.Heard)),
		n.Opened, 100*busy, short(float64(now.rss)/mebi), now.files, short(float64(now.socket)/mebi))
}

// at returns the sample that was taken when a part of the time, from 0 to 1, was over.
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
