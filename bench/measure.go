package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/page/results"
	"github.com/ssed/ssed/bench/server"
)

// The names of the metrics. A name contains its unit.
const (
	deliveriesPerSec  = "deliveries/s"
	messagesPerSec    = "messages/s"
	linesPerSec       = "lines/s"
	megabytesPerSec   = "MB/s"
	connectionsPerSec = "connections/s"
	cpuPerDelivery    = "server CPU ns/delivery"
	cpuPerLine        = "server CPU ns/line"
	cpuPerConnection  = "server CPU us/connection"
	latencyP50        = "p50 latency us"
	latencyP99        = "p99 latency us"
	latencyP999       = "p99.9 latency us"
	latencyMax        = "max latency us"
	serverBusy        = "server busy"
	loadBusy          = "load busy"
	serverDisturbed   = "server disturbed"
	loadDisturbed     = "load disturbed"
	rssMiB            = "RSS MiB"
	rssGrowthMiB      = "RSS growth MiB"
	socketMiB         = "kernel socket MiB"
	stalledClosed     = "stalled ones closed"
	stalledDue        = "MiB due to each stalled one"
	slowWaiting       = "MiB waiting per slow one"
	overdue           = "messages overdue at the end"
	unexpectedStreams = "streams scanned"
	backSeconds       = "seconds until all are back"
	answerP50         = "p50 answer ms"
	answerP99         = "p99 answer ms"
	peakMiB           = "memory MiB at most"
	memoryEnforced    = "bound enforced"
	storeOnDisk       = "store on a disk"
	rssPerSubscriber  = "RSS bytes/subscriber"
	rssAtOnce         = "RSS bytes/subscriber at once"
	openSeconds       = "seconds to open all"
	settleSeconds     = "seconds to settle"
)

// Time limits before and after the measured time.
const (
	connectTimeout = 30 * time.Second
	drainTimeout   = 10 * time.Second
	warmMax        = time.Second
)

const mebi = 1 << 20

// value is one metric of one run.
type value struct {
	metric string
	number float64
}

// values are all metrics of one run, in the order of the rows in the table.
type values []value

func (v values) get(metric string) (float64, bool) {
	for _, x := range v {
		if x.metric == metric {
			return x.number, true
		}
	}
	return 0, false
}

// bench is one invocation: what to measure, and everything measured so far.
type bench struct {
	options options            // for the current scenario
	specs   []server.Spec      // the servers that the current scenario applies to
	all     []server.Spec      // all servers given on the command line
	asked   []results.Scenario // the scenarios that have run so far
	dir     string             // for the programs that the bench builds
	started time.Time
	runs    []result
}

// result is one run of one case on one server.
type result struct {
	scenario, testCase, server string
	repetition                 int
	values                     values
	failed                     string // why there are no values
}

// scenario runs every case on every server, as often as --repeat sets. The servers take turns, so
// that a disturbance of the machine affects all of them alike.
func (b *bench) scenario(s scenario) error {
	for repetition := range b.options.Repeat {
		for _, c := range s.cases {
			if !strings.Contains(c.name, b.options.Case) {
				continue
			}
			for _, spec := range b.specs {
				label := fmt.Sprintf("%s, %s, %s, %d of %d", s.name, c.name, spec.Name, repetition+1, b.options.Repeat)
				b.say(label)
				got, err := c.run(b, spec)
				var ours ownError
				switch {
				case err != nil && (!spec.Peer || errors.As(err, &ours)):
					return fmt.Errorf("%s, %s: %w", c.name, spec.Name, err)
				case err != nil: // a failure of another server is a result, too
					b.runs = append(b.runs, result{s.name, c.name, spec.Name, repetition, nil, firstLine(err)})
				case got != nil:
					b.runs = append(b.runs, result{s.name, c.name, spec.Name, repetition, got, ""})
				}
			}
		}
	}
	b.say("")
	return nil
}

// ownError is a fault of the bench itself, independent of the server that it was measuring.
type ownError struct{ error }

// firstLine returns the text of an error without the server's output.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// say shows one line of progress if stderr is a terminal. It writes nothing to a log file.
func (b *bench) say(text string) {
	if onTerminal() {
		fmt.Fprintf(os.Stderr, "\r\033[K%s", text)
	}
}

func onTerminal() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// snapshot holds the values read from /proc at one moment.
type snapshot struct {
	at           time.Time
	server, load labor
	rss          int64 // of the server, in bytes
	socket       int64 // of the whole machine, in bytes
	files        int   // descriptors that the server has open
}

// labor is the CPU time of a process, and the busy time of the processor that it is bound to. The
// latter includes the work of all processes. It is 0 if the process is not bound to a processor,
// unless shareProcessors sets it.
type labor struct {
	own, processor time.Duration
}

func laborOf(pid int) (l labor, err error) {
	if l.own, err = server.WorkOf(pid); err != nil {
		return l, err
	}
	if cpu, bound := server.BoundTo(pid); bound {
		l.processor, err = server.Busy(cpu)
	}
	return l, err
}

// since returns the labor between an earlier moment and this one.
func (l labor) since(before labor) labor {
	return labor{l.own - before.own, l.processor - before.processor}
}

// others returns how long the processor worked for other processes.
func (l labor) others() time.Duration { return max(l.processor-l.own, 0) }

// takeSnapshot records the current values of /proc.
func takeSnapshot(p *server.Process) (s snapshot, err error) {
	if err = s.measureMemory(p); err == nil {
		err = s.measureWork(p)
	}
	return s, err
}

// measureWork records how long the server and the load have worked until now.
func (s *snapshot) measureWork(p *server.Process) (err error) {
	if s.server, err = laborOf(p.PID); err != nil {
		return err
	}
	s.at = time.Now()
	if s.load, err = laborOf(os.Getpid()); err != nil {
		return ownError{err}
	}
	if _, bound := server.BoundTo(p.PID); !bound {
		return s.shareProcessors()
	}
	return nil
}

// shareProcessors is for a server that may run on all processors, including the load's. Its
// processors are then all of them, without the work of the load. The load has no processor of its
// own, so the work of the server does not count as a disturbance of the load.
func (s *snapshot) shareProcessors() error {
	busy, err := server.Busy(-1)
	if err != nil {
		return ownError{err}
	}
	s.server.processor, s.load.processor = busy-s.load.own, 0
	return nil
}

// measureMemory records the server's memory and descriptors, and the memory of sockets. It takes a
// while, because the kernel counts memory page by page.
func (s *snapshot) measureMemory(p *server.Process) (err error) {
	if s.rss, err = p.RSS(); err != nil {
		return err
	}
	if s.files, err = p.Files(); err != nil {
		return err
	}
	if s.socket, err = server.SocketMemory(); err != nil {
		return ownError{err}
	}
	return nil
}

// effort is the work of the server and the load, summed over pairs of snapshots.
type effort struct {
	server, load labor
	elapsed      time.Duration
}

func (e *effort) add(before, after snapshot) {
	e.elapsed += after.at.Sub(before.at)
	server, load := after.server.since(before.server), after.load.since(before.load)
	e.server.own += server.own
	e.server.processor += server.processor
	e.load.own += load.own
	e.load.processor += load.processor
}

// shares returns the parts of the elapsed time in which the server and the load ran, and in which
// other processes had their processors.
func (e *effort) shares() values {
	of := func(d time.Duration) float64 { return d.Seconds() / e.elapsed.Seconds() }
	return values{
		{serverBusy, of(e.server.own)},
		{loadBusy, of(e.load.own)},
		{serverDisturbed, of(e.server.others())},
		{loadDisturbed, of(e.load.others())},
	}
}

// messages starts a server and measures one run in which messages flow to subscribers.
func (b *bench) messages(spec server.Spec, config load.Config) (values, error) {
	p, err := server.Start(spec, b.options.ServerCPU)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	return b.messagesOf(p, spec, config)
}

// messagesOf does the same as messages, on a server that is already running.
func (b *bench) messagesOf(p *server.Process, spec server.Spec, config load.Config) (values, error) {
	config.Subscribe, config.Publish, config.PostTo = p.Subscribe, p.Publish, spec.PublishPath
	config.PayloadBytes = b.options.PayloadBytes
	config.Measure, config.Drain = b.options.measure(), drainTimeout
	config.Warm = b.options.warm()
	g, err := load.New(config)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	if err := g.Connect(connectTimeout); err != nil {
		return nil, explain(err, p)
	}
	connected, err := p.Files()
	if err != nil {
		return nil, err
	}
	var before, after snapshot
	run, err := g.Run(load.Hooks{
		Start: func() (err error) { before, err = takeSnapshot(p); return err },
		// Messages are still in flight, so measureMemory, which is slow, has to wait until the run
		// has ended.
		End: func() (err error) { return after.measureWork(p) },
		Progress: func(phase string, deliveries uint64) {
			b.say(fmt.Sprintf("%s: %s, %s deliveries", spec.Name, phase, short(float64(deliveries))))
		},
	})
	if err == nil {
		err = after.measureMemory(p)
	}
	if err != nil {
		return nil, explain(err, p)
	}
	if run.Deliveries == 0 {
		return nil, fmt.Errorf("no message arrived in the measured %v", config.Measure)
	}
	got := flow(run, before, after)
	if config.Stalled > 0 {
		// The stalled sockets cannot show this: they are never read, so they never see the end of
		// the stream.
		got = append(got, value{stalledClosed, float64(connected - after.files)}, value{stalledDue, float64(run.StreamBytes) / mebi})
	}
	if config.RatePerSec > 0 {
		got = append(got, value{overdue, float64(run.Overdue)})
	}
	return got, nil
}

// flow converts the measurements of a run of messages into metrics.
func flow(run *load.Result, before, after snapshot) values {
	seconds := run.Elapsed.Seconds()
	var spent effort
	spent.add(before, after)
	got := values{
		{deliveriesPerSec, float64(run.Deliveries) / seconds},
		{messagesPerSec, float64(run.Messages) / seconds},
		{megabytesPerSec, float64(run.Bytes) / seconds / 1e6},
		{cpuPerDelivery, float64(spent.server.own.Nanoseconds()) / float64(run.Deliveries)},
	}
	got = append(got, microseconds(run.Latency)...)
	got = append(got, spent.shares()...)
	got = append(got,
		value{rssMiB, float64(after.rss) / mebi},
		value{rssGrowthMiB, float64(after.rss-before.rss) / mebi},
		value{socketMiB, float64(after.socket) / mebi})
	if run.Scanned > 0 {
		got = append(got, value{unexpectedStreams, float64(run.Scanned)})
	}
	return got
}

// microseconds returns the latencies of a run. It returns nil if no message that was published in
// the measured time has arrived.
func microseconds(h *hdrhistogram.Histogram) values {
	if h.TotalCount() == 0 {
		return nil
	}
	at := func(percentile float64) float64 { return float64(h.ValueAtPercentile(percentile)) / 1e3 }
	return values{
		{latencyP50, at(50)},
		{latencyP99, at(99)},
		{latencyP999, at(99.9)},
		{latencyMax, float64(h.Max()) / 1e3},
	}
}

// explain adds the server's error output to the error of a run.
func explain(err error, p *server.Process) error {
	if said := p.Stderr(); said != "" {
		return fmt.Errorf("%w\noutput of the server: %s", err, said)
	}
	if !p.Alive() {
		return fmt.Errorf("%w (the server has exited)", err)
	}
	return err
}
