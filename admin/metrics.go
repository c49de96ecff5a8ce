package admin

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ssed/ssed/loop"
)

// loopMetrics have no labels whose values a client controls, such as namespaces or addresses.
var loopMetrics = metricsOf[figures]("ssed_")

var (
	disconnects = prometheus.NewDesc("ssed_disconnects_total", "Subscribers disconnected, by reason.", []string{"reason"}, nil)
	logLost     = prometheus.NewDesc("ssed_log_lines_lost_total", "Log lines that could not be written, or were not read in time.", nil, nil)
	passes      = prometheus.NewDesc("ssed_pass_seconds", "Time that each turn of the event loop spent writing to subscribers.", nil, nil)
	fanOuts     = prometheus.NewDesc("ssed_fan_out_seconds", "Time from a message until it was written to every subscriber whose socket was not full.", nil, nil)
)

// A collector collects the metrics of the loop.
type collector struct{ server *Server }

// Describe implements prometheus.Collector.
func (c collector) Describe(descs chan<- *prometheus.Desc) {
	loopMetrics.describe(descs)
	descs <- disconnects
	descs <- logLost
	descs <- passes
	descs <- fanOuts
}

// Collect implements prometheus.Collector. If the loop does not answer, the scrape fails, so that
// an alert on failed scrapes fires.
func (c collector) Collect(values chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	stats, err := c.server.stats(ctx)
	if err != nil {
		values <- prometheus.NewInvalidMetric(disconnects, err)
		return
	}
	loopMetrics.collect(figures(stats), values)
	for reason, n := range stats.Ended {
		values <- prometheus.MustNewConstMetric(disconnects, prometheus.CounterValue, float64(n), reason)
	}
	values <- prometheus.MustNewConstMetric(logLost, prometheus.CounterValue, float64(c.server.opts.LogLinesLost()))
	values <- histogram(passes, &stats.Passes)
	values <- histogram(fanOuts, &stats.FanOuts)
}

// histogram converts h to a Prometheus histogram, whose bucket counts are cumulative.
func histogram(desc *prometheus.Desc, h *loop.Histogram) prometheus.Metric {
	buckets, total := map[float64]uint64{}, uint64(0)
	last := len(h.Counts) - 1
	for i, n := range h.Counts {
		total += n
		if i < last {
			buckets[float64(loop.HistogramBound(i).Microseconds())/1e6] = total
		}
	}
	return prometheus.MustNewConstHistogram(desc, total, h.Sum.Seconds(), buckets)
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
