package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ssed/ssed/sse"
)

// A sampleJSON contains the values of one second for the charts. Counters are totals; the page
// computes rates from their differences.
type sampleJSON struct {
	T           int64             `json:"t"` // milliseconds since 1970
	Subscribers int               `json:"subscribers"`
	Publishers  int               `json:"publishers"`
	Streams     int               `json:"streams"`
	Blocked     int               `json:"blocked"`
	Backlog     int               `json:"backlog"`
	Published   uint64            `json:"published"`
	Deliveries  uint64            `json:"deliveries"`
	BytesOut    uint64            `json:"bytes_out"`
	Refused     uint64            `json:"refused"`
	TurnedAway  uint64            `json:"turned_away"`
	CPUSeconds  float64           `json:"cpu_seconds"`
	RSSBytes    int64             `json:"rss_bytes"`
	LatencyMs   float64           `json:"latency_ms"` // how long the loop took to answer
	Ended       map[string]uint64 `json:"ended"`
}

// A sampler takes a sample every second, even while no page is open, so that the charts of a new
// page show the last ten minutes immediately.
type sampler struct {
	server *Server
	ctx    context.Context
	stop   context.CancelFunc

	mu      sync.Mutex
	samples []sampleJSON
	next    chan struct{} // closed when the next sample is added
}

func newSampler(s *Server) *sampler {
	ctx, stop := context.WithCancel(context.Background())
	return &sampler{server: s, ctx: ctx, stop: stop, next: make(chan struct{})}
}

func (p *sampler) run() {
	beat := time.NewTicker(sampleInterval)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
		case <-p.ctx.Done():
			return
		}
		if sample, ok := p.sample(); ok {
			p.add(sample)
		}
	}
}

// sample takes one sample. It returns false if the loop does not answer; the charts then have a
// gap.
func (p *sampler) sample() (sampleJSON, bool) {
	ctx, cancel := context.WithTimeout(p.ctx, answerTimeout)
	defer cancel()
	asked := time.Now()
	stats, _, err := p.server.stats(ctx)
	if err != nil {
		return sampleJSON{}, false
	}
	return sampleJSON{
		T:           asked.UnixMilli(),
		Subscribers: stats.Subscribers,
		Publishers:  stats.Publishers,
		Streams:     stats.Streams,
		Blocked:     stats.Blocked,
		Backlog:     stats.Backlog,
		Published:   stats.Published,
		Deliveries:  stats.Deliveries,
		BytesOut:    stats.BytesOut,
		Refused:     stats.Refused,
		TurnedAway:  stats.TurnedAway,
		LatencyMs:   float64(time.Since(asked).Microseconds()) / 1000,
		CPUSeconds:  cpuTime().Seconds(),
		RSSBytes:    residentBytes(),
		Ended:       stats.Ended,
	}, true
}

func (p *sampler) add(sample sampleJSON) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.samples) >= samplesMax {
		p.samples = slices.Delete(p.samples, 0, len(p.samples)-samplesMax+1)
	}
	p.samples = append(p.samples, sample)
	close(p.next)
	p.next = make(chan struct{})
}

// all returns the samples so far, and a channel that is closed when the next one is added. The
// slice is never nil, because JSON would encode that as null.
func (p *sampler) all() ([]sampleJSON, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]sampleJSON{}, p.samples...), p.next
}

// live sends the samples as Server-Sent Events: first the samples of the last ten minutes in one
// event, and then each new sample. The stream is not a namespace, so subscribers cannot reach it.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	samples, next := s.sampler.all()
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no")
	send := func(event string, value any) bool {
		data, _ := json.Marshal(value) // numbers and strings only, so it cannot fail
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(requestTimeout))
		_, err := w.Write(sse.AppendFrame(nil, []byte(event), data))
		return err == nil && control.Flush() == nil
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the client sends nothing more
	for ok := send("history", samples); ok; ok = send("sample", samples[len(samples)-1]) {
		select {
		case <-next:
			samples, next = s.sampler.all()
		case <-r.Context().Done():
			return
		case <-s.sampler.ctx.Done():
			return
		}
	}
}

// cpuTime returns the CPU time that the process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // cannot fail for the calling process
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// residentBytes returns the resident memory (RSS) of the process, from proc_pid_statm(5). It
// returns 0 if the system does not report it.
func residentBytes() int64 {
	statm, _ := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
