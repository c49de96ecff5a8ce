package admin

import "github.com/prometheus/client_golang/prometheus"

var storeMetrics = metricsOf[Store]("ssed_store_")

// A storeCollector collects the metrics of the store. It does not ask the store itself, so a store
// that does not answer does not make a scrape fail.
type storeCollector struct{ ask func() Store }

// Describe implements prometheus.Collector.
func (c storeCollector) Describe(descs chan<- *prometheus.Desc) { storeMetrics.describe(descs) }

// Collect implements prometheus.Collector.
func (c storeCollector) Collect(values chan<- prometheus.Metric) {
	storeMetrics.collect(c.ask(), values)
}
