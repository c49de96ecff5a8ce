package main

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// bystanders are subscribers of a steady stream while the server has other work to do. They run on
// their own thread with priority over the load, like the probes. So their latency shows how long
// they wait for the server, and not for the load.
type bystanders struct {
	phase  atomic.Int32
	over   atomic.Bool
	ended  chan error
	phases [4]*hdrhistogram.Histogram
}

// The phases in which latencies are recorded.
const (
	before int32 = iota
	during
	after
	ignored // not reported
)

const bystanderCount = 200

// standBy connects the bystanders and returns when all are connected.
func (b *bench) standBy(p *server.Process) (*bystanders, error) {
	s := &bystanders{ended: make(chan error, 1)}
	for i := range s.phases {
		s.phases[i] = hdrhistogram.New(1, int64(time.Hour), 3)
	}
	config := load.CrowdConfig{Subscribe: p.Subscribe, Publish: p.Publish, Steady: bystanderCount, InFlight: 1, PacedPerSec: b.options.Rate,
		Subscriptions: [][]string{{"/live"}}, Namespaces: []string{"/live"}, PayloadBytes: b.options.PayloadBytes, Among: true}
	connected := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked, so the thread exits with its priority
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), probeNice)
		s.ended <- s.listen(config, connected)
	}()
	return s, <-connected
}

func (s *bystanders) listen(config load.CrowdConfig, connected chan<- error) error {
	crowd, err := load.NewCrowd(config)
	if err == nil {
		defer crowd.Close()
		err = crowd.Connect(connectTimeout)
	}
	connected <- err
	for err == nil && !s.over.Load() {
		crowd.Paced = s.phases[s.phase.Load()]
		err = crowd.Run(20*time.Millisecond, time.Second, nothing)
	}
	if err != nil {
		return err
	}
	return crowd.Drain(drainTimeout)
}

// enter starts a phase: later latencies count for it.
func (s *bystanders) enter(phase int32) { s.phase.Store(phase) }

// leave disconnects the bystanders and returns their latencies in each phase.
func (s *bystanders) leave() (values, error) {
	s.over.Store(true)
	err := <-s.ended
	var got values
	for i, name := range []string{bystandersBefore, bystandersDuring, bystandersAfter} {
		if h := s.phases[i]; h.TotalCount() > 0 {
			got = append(got, latencies(name, h)...)
			got = append(got, value{name + ": max ms", float64(h.Max()) / 1e6})
		}
	}
	return got, err
}
