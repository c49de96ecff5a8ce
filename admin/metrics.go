package admin

import (
	"context"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ssed/ssed/loop"
)

// The metrics have no labels whose values a client controls, such as namespaces or addresses. The
// label loop has one value for each event loop, whose number is fixed while the daemon runs.
var (
	daemonMetrics = metricsOf[figures]("ssed_")
	loopMetrics   = metricsOf[loopFigures]("ssed_loop_", "loop")
)

var (
	disconnects = prometheus.NewDesc("ssed_disconnects_total", "Subscribers disconnected, by reason.", []string{"reason"}, nil)
	logLost     = prometheus.NewDesc("ssed_log_lines_lost_total", "Log lines that could not be written, or were not read in time.", nil, nil)
	passes      = prometheus.NewDesc("ssed_pass_seconds", "Time that each turn of the event loop spent writing to subscribers.", nil, nil)
	fanOuts     = prometheus.NewDesc("ssed_fan_out_seconds", "Time from a message until it was written to every subscriber whose socket was not full.", nil, nil)
	loopPasses  = prometheus.NewDesc("ssed_loop_pass_seconds", "Time that each turn of this event loop spent writing to subscribers.", []string{"loop"}, nil)
	loopFanOuts = prometheus.NewDesc("ssed_loop_fan_out_seconds", "Time from a message until this event loop had written it to each of its subscribers whose socket was not full.", []string{"loop"}, nil)
)

// A collector collects the metrics of the daemon and of each loop.
type collector struct{ server *Server }

// Describe implements prometheus.Collector.
func (c collector) Describe(descs chan<- *prometheus.Desc) {
	daemonMetrics.describe(descs)
	loopMetrics.describe(descs)
	for _, desc := range []*prometheus.Desc{disconnects, logLost, passes, fanOuts, loopPasses, loopFanOuts} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector. If a loop does not answer, the scrape fails, so that
// an alert on failed scrapes fires.
func (c collector) Collect(values chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	stats, loops, err := c.server.stats(ctx)
	if err != nil {
		values <- prometheus.NewInvalidMetric(disconnects, err)
		return
	}
	daemonMetrics.collect(figures(stats), values)
	for reason, n := range stats.Ended {
		values <- prometheus.MustNewConstMetric(disconnects, prometheus.CounterValue, float64(n), reason)
	}
	values <- prometheus.MustNewConstMetric(logLost, prometheus.CounterValue, float64(c.server.opts.LogLinesLost()))
	values <- histogram(passes, &stats.Passes)
	values <- histogram(fanOuts, &stats.FanOuts)
	for i := range loops {
		label := strconv.Itoa(i)
		loopMetrics.collect(figuresOf(i, &loops[i]), values, label)
		values <- histogram(loopPasses, &loops[i].Passes, label)
		values <- histogram(loopFanOuts, &loops[i].FanOuts, label)
	}
}

// histogram converts h to a Prometheus histogram, whose bucket counts are cumulative.
func histogram(desc *prometheus.Desc, h *loop.Histogram, labels ...string) prometheus.Metric {
	buckets, total := map[float64]uint64{}, uint64(0)
	last := len(h.Counts) - 1
	for i, n := range h.Counts {
		total += n
		if i < last {
			buckets[float64(loop.HistogramBound(i).Microseconds())/1e6] = total
		}
	}
	return prometheus.MustNewConstHistogram(desc, total, h.Sum.Seconds(), buckets, labels...)
}

// metrics returns the handler of /metrics.
func (s *Server) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if s.opts.Store != nil {
		registry.MustRegister(storeCollector{s.opts.Store})
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: answerTimeout})
}
