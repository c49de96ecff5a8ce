package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ssed/ssed/bench/server"
)

// answerTimeout limits the time of an answer. A longer time is an error and not a latency.
const answerTimeout = 20 * time.Second

// prober sends questions to one daemon.
type prober struct {
	subscribe, publish, admin string
	perSec                    float64
	time                      time.Duration

	ping *net.TCPConn
	http http.Client
}

// question is one kind of question, with the latencies of its answers.
type question struct {
	histogram *hdrhistogram.Histogram
	mu        sync.Mutex
	err       error // the first error
}

func newQuestion() *question {
	return &question{histogram: hdrhistogram.New(1, int64(2*answerTimeout), 3)}
}

// answered records the answer to a question that was due at the given time.
func (q *question) answered(due time.Time, err error) {
	took := time.Since(due)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		err = q.histogram.RecordValue(max(int64(took), 1))
	}
	if q.err == nil {
		q.err = err
	}
}

func (q *question) latency() server.ProbeLatency {
	of := func(percentile float64) time.Duration {
		return time.Duration(q.histogram.ValueAtPercentile(percentile))
	}
	return server.ProbeLatency{Count: q.histogram.TotalCount(), P50: of(50), P99: of(99), Max: time.Duration(q.histogram.Max())}
}

// ask asks all questions and returns when all answers have arrived.
func (p *prober) ask() (*server.ProbeAnswers, error) {
	if err := p.prepare(); err != nil {
		return nil, err
	}
	defer p.ping.Close()
	accept, ping, admin := newQuestion(), newQuestion(), newQuestion()
	pings := make(chan time.Time, int(p.perSec*(p.time+answerTimeout).Seconds())+1)
	var all sync.WaitGroup
	all.Go(func() { p.every(func(due time.Time) { accept.answered(due, p.accept()) }) })
	all.Go(func() {
		p.sendPings(pings)
		close(pings)
	})
	all.Go(func() { p.readPongs(pings, ping) })
	if p.admin != "" {
		all.Go(func() { p.every(func(due time.Time) { admin.answered(due, p.snapshot()) }) })
	}
	all.Wait()
	if err := errors.Join(accept.err, ping.err, admin.err); err != nil {
		return nil, err
	}
	return &server.ProbeAnswers{Accept: accept.latency(), Ping: ping.latency(), Admin: admin.latency()}, nil
}

// prepare connects the publisher and checks whether the daemon has admin pages.
func (p *prober) prepare() error {
	for _, address := range []string{p.subscribe, p.publish} {
		if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Is4() || !at.Addr().IsLoopback() {
			return fmt.Errorf("invalid address %q: expected an IPv4 loopback address and a port", address)
		}
	}
	given := p.admin != ""
	if !given {
		p.admin = "http://" + p.subscribe + "/admin/status.json?limit=0"
	}
	if err := server.CheckAdmin(p.admin); err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	conn, err := net.DialTimeout("tcp", p.publish, answerTimeout)
	if err != nil {
		return err
	}
	p.ping = conn.(*net.TCPConn)
	p.http = adminClient()
	if err := p.snapshot(); err != nil {
		if p.admin = ""; given {
			return fmt.Errorf("admin: %w", err)
		}
	}
	return nil
}

// adminClient returns a client that uses no proxy and follows no redirects, so that it connects
// only to the given address.
func adminClient() http.Client {
	direct := http.DefaultTransport.(*http.Transport).Clone()
	direct.Proxy = nil
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return http.Client{Transport: direct, CheckRedirect: stay, Timeout: answerTimeout}
}

// every calls ask whenever a question is due. It returns when all calls have returned.
func (p *prober) every(ask func(due time.Time)) {
	var asked sync.WaitGroup
	p.clock(func(due time.Time) { asked.Go(func() { ask(due) }) })
	asked.Wait()
}

// clock calls tick whenever a question is due. The times are fixed in advance, so a late tick does
// not move the others.
func (p *prober) clock(tick func(due time.Time)) {
	start := time.Now()
	for n := range int(p.perSec * p.time.Seconds()) {
		due := start.Add(time.Duration(float64(n) * float64(time.Second) / p.perSec))
		time.Sleep(time.Until(due))
		tick(due)
	}
}

// accept connects, subscribes to a namespace without messages, reads the head and disconnects.
func (p *prober) accept() error {
	conn, err := net.DialTimeout("tcp", p.subscribe, answerTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetLinger(0) // avoids thousands of sockets in TIME_WAIT
	if err := conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET /subscribe/probe HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return err
	}
	for r, first := bufio.NewReader(conn), ""; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		if first == "" {
			first = line
		}
		if line == "\r\n" {
			if !strings.HasPrefix(first, "HTTP/1.1 200") {
				return fmt.Errorf("subscribe: answered %q", first)
			}
			return nil
		}
	}
}

// sendPings pipelines PINGs on one connection and sends the time when each was due to readPongs.
func (p *prober) sendPings(due chan<- time.Time) {
	p.clock(func(at time.Time) {
		due <- at
		_, _ = io.WriteString(p.ping, "PING\n") // readPongs gets the error
	})
}

func (p *prober) readPongs(due <-chan time.Time, q *question) {
	r := bufio.NewReader(p.ping)
	for at := range due {
		_ = p.ping.SetReadDeadline(time.Now().Add(answerTimeout))
		line, err := r.ReadString('\n')
		if err == nil && line != "PONG\n" {
			err = fmt.Errorf("PING: answered %q", line)
		}
		q.answered(at, err)
	}
}

// snapshot requests an admin snapshot.
func (p *prober) snapshot() error {
	answer, err := p.http.Get(p.admin)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", p.admin, answer.Status)
	}
	return nil
}
