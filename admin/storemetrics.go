package admin

import "github.com/prometheus/client_golang/prometheus"

// A storeMetric is one figure of a Store.
type storeMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*Store) float64
}

func storeGauge(name, help string, value func(*Store) float64) storeMetric {
	return storeMetric{prometheus.NewDesc("ssed_store_"+name, help, nil, nil), prometheus.GaugeValue, value}
}

func storeCounter(name, help string, value func(*Store) float64) storeMetric {
	return storeMetric{prometheus.NewDesc("ssed_store_"+name, help, nil, nil), prometheus.CounterValue, value}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// storeMetrics are there where there is a store.
var storeMetrics = []storeMetric{
	storeGauge("connected", "1 while there is a connection to the store, otherwise 0.", func(s *Store) float64 { return truth(s.Connected) }),
	storeGauge("reached", "1 once the stream was found or made, otherwise 0.", func(s *Store) float64 { return truth(s.Reached) }),
	storeGauge("live", "1 once this node has delivered what was in the stream before it, and takes subscribers, otherwise 0.", func(s *Store) float64 { return truth(s.Live) }),
	storeGauge("trouble", "1 while something is wrong with the store, otherwise 0.", func(s *Store) float64 { return truth(s.Trouble != "") }),
	storeGauge("first_sequence", "Number of the oldest message in the stream.", func(s *Store) float64 { return float64(s.First) }),
	storeGauge("last_sequence", "Number of the newest message in the stream.", func(s *Store) float64 { return float64(s.Last) }),
	storeGauge("delivered_sequence", "Number of the newest message that this node has delivered.", func(s *Store) float64 { return float64(s.Delivered) }),
	storeGauge("lag_messages", "Messages of the stream that this node has yet to deliver.", func(s *Store) float64 { return float64(s.Lag) }),
	storeGauge("messages", "Messages in the stream.", func(s *Store) float64 { return float64(s.Messages) }),
	storeGauge("bytes", "Bytes of the messages in the stream.", func(s *Store) float64 { return float64(s.Bytes) }),
	storeGauge("unanswered_messages", "Messages of this node's publishers that the stream has not answered.", func(s *Store) float64 { return float64(s.Unanswered) }),
	storeCounter("refused_total", "Messages of this node's publishers that the stream did not take, or not in time.", func(s *Store) float64 { return float64(s.Refused) }),
	storeCounter("resent_total", "Messages that were sent to the stream again.", func(s *Store) float64 { return float64(s.Resent) }),
	storeCounter("duplicates_total", "Messages that the stream had already, by their key.", func(s *Store) float64 { return float64(s.Duplicates) }),
	storeCounter("undeliverable_total", "Messages in the stream that cannot be delivered.", func(s *Store) float64 { return float64(s.Undeliverable) }),
	storeCounter("reconnects_total", "How often the connection to the store was lost and made again.", func(s *Store) float64 { return float64(s.Reconnects) }),
}

// A storeCollector has Prometheus ask the store. It asks no other process: a store
// that is gone makes no scrape fail.
type storeCollector struct{ ask func() Store }

// Describe is that of prometheus.Collector.
func (c storeCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range storeMetrics {
		descs <- m.desc
	}
}

// Collect is that of prometheus.Collector.
func (c storeCollector) Collect(values chan<- prometheus.Metric) {
	is := c.ask()
	for _, m := range storeMetrics {
		values <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&is))
	}
}
