package admin

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ssed/ssed/loop"
)

// A metric is one figure of loop.Stats under Prometheus's naming conventions.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*loop.Stats) float64
}

func gauge(name, help string, value func(*loop.Stats) float64) metric {
	return metric{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, value}
}

func counter(name, help string, value func(*loop.Stats) float64) metric {
	return metric{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, value}
}

// metrics have no label that a stranger could make values of: no namespace, no
// address.
var metrics = []metric{
	gauge("ssed_subscribers", "Connections that receive a stream.", func(s *loop.Stats) float64 { return float64(s.Subscribers) }),
	gauge("ssed_publishers", "Connections of publishers.", func(s *loop.Stats) float64 { return float64(s.Publishers) }),
	gauge("ssed_pending_connections", "Connections that have not subscribed yet, or were refused and are closing.", func(s *loop.Stats) float64 { return float64(s.PendingConnections) }),
	gauge("ssed_streams", "Different subscription sets.", func(s *loop.Stats) float64 { return float64(s.Streams) }),
	gauge("ssed_blocked_connections", "Connections whose socket is full.", func(s *loop.Stats) float64 { return float64(s.Blocked) }),
	gauge("ssed_backlog_bytes", "Bytes held for subscribers that lag.", func(s *loop.Stats) float64 { return float64(s.Backlog) }),
	counter("ssed_messages_total", "Messages accepted from publishers.", func(s *loop.Stats) float64 { return float64(s.Published) }),
	counter("ssed_deliveries_total", "Messages put into streams, times their subscribers.", func(s *loop.Stats) float64 { return float64(s.Deliveries) }),
	counter("ssed_sent_bytes_total", "Bytes of events and heartbeats that sockets took.", func(s *loop.Stats) float64 { return float64(s.BytesOut) }),
	counter("ssed_requests_refused_total", "Requests answered with a final status.", func(s *loop.Stats) float64 { return float64(s.Refused) }),
	counter("ssed_turned_away_total", "Connections that found no place.", func(s *loop.Stats) float64 { return float64(s.TurnedAway) }),
	counter("ssed_publishers_closed_total", "Publishers closed for not reading their replies.", func(s *loop.Stats) float64 { return float64(s.PublishersClosed) }),
	gauge("ssed_history_messages", "Messages kept for those who come back.", func(s *loop.Stats) float64 { return float64(s.Kept) }),
	gauge("ssed_history_bytes", "Memory for the messages kept.", func(s *loop.Stats) float64 { return float64(s.KeptBytes) }),
	counter("ssed_replays_total", "Subscribers that were sent something of the history.", func(s *loop.Stats) float64 { return float64(s.Replays) }),
	counter("ssed_replayed_messages_total", "Messages that were sent of the history.", func(s *loop.Stats) float64 { return float64(s.Replayed) }),
	counter("ssed_gaps_total", "Times that a subscriber was told of a gap on coming back.", func(s *loop.Stats) float64 { return float64(s.Gaps) }),
	counter("ssed_skips_total", "How often a slow subscriber was passed over to the newest message.", func(s *loop.Stats) float64 { return float64(s.Skips) }),
	counter("ssed_skipped_messages_total", "Messages that subscribers were passed over.", func(s *loop.Stats) float64 { return float64(s.Skipped) }),
	gauge("ssed_authorizing", "Calls of Authorize that have not returned, in a program that has it.", func(s *loop.Stats) float64 { return float64(s.Authorizing) }),
	gauge("ssed_reports_waiting", "Calls of OnSubscribe and OnUnsubscribe that are to be made, in a program that has them.", func(s *loop.Stats) float64 { return float64(s.Reports) }),
	counter("ssed_unreported_subscribers_total", "Subscribers that these were not told of.", func(s *loop.Stats) float64 { return float64(s.Unreported) }),
}

var (
	disconnects = prometheus.NewDesc("ssed_disconnects_total", "Subscribers that ended, by reason.", []string{"reason"}, nil)
	logLost     = prometheus.NewDesc("ssed_log_lines_lost_total", "Lines of the log that could not be written, or were not read in time.", nil, nil)
	passes      = prometheus.NewDesc("ssed_pass_seconds", "How long each turn of the event loop spent on writing to subscribers.", nil, nil)
	fanOuts     = prometheus.NewDesc("ssed_fan_out_seconds", "From a message to when all who could take it had it.", nil, nil)
)

// A collector has Prometheus ask the loop.
type collector struct{ server *Server }

// Describe is that of prometheus.Collector.
func (c collector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range metrics {
		descs <- m.desc
	}
	descs <- disconnects
	descs <- logLost
	descs <- passes
	descs <- fanOuts
}

// Collect is that of prometheus.Collector. A loop that does not answer makes the
// scrape fail, which is what an alert waits for.
func (c collector) Collect(values chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	stats, err := c.server.stats(ctx)
	if err != nil {
		values <- prometheus.NewInvalidMetric(disconnects, err)
		return
	}
	for _, m := range metrics {
		values <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&stats))
	}
	for reason, n := range stats.Ended {
		values <- prometheus.MustNewConstMetric(disconnects, prometheus.CounterValue, float64(n), reason)
	}
	values <- prometheus.MustNewConstMetric(logLost, prometheus.CounterValue, float64(c.server.opts.LogLinesLost()))
	values <- histogram(passes, &stats.Passes)
	values <- histogram(fanOuts, &stats.FanOuts)
}

// histogram turns counts by bucket into Prometheus's, which are cumulative.
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

// metrics answers /metrics.
func (s *Server) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if s.opts.Store != nil {
		registry.MustRegister(storeCollector{s.opts.Store})
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: answerTimeout})
}
