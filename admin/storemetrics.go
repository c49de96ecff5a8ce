package admin

import (
	"reflect"

	"github.com/prometheus/client_golang/prometheus"
)

// A storeMetric is the metric of one field of a Store.
type storeMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	field int
}

// storeMetrics are the metrics that the tags of Store's fields declare.
var storeMetrics = func() (metrics []storeMetric) {
	figures := reflect.TypeFor[Store]()
	for i := range figures.NumField() {
		tags := figures.Field(i).Tag
		name, kind := tags.Get("gauge"), prometheus.GaugeValue
		if name == "" {
			name, kind = tags.Get("counter"), prometheus.CounterValue
		}
		if name != "" {
			metrics = append(metrics, storeMetric{prometheus.NewDesc("ssed_store_"+name, tags.Get("help"), nil, nil), kind, i})
		}
	}
	return metrics
}()

// value returns the metric's value: a number as it is, and 1 for true and for a string
// that is not empty.
func (m *storeMetric) value(of reflect.Value) float64 {
	switch field := of.Field(m.field); {
	case field.CanInt():
		return float64(field.Int())
	case field.CanUint():
		return float64(field.Uint())
	case field.IsZero():
		return 0
	}
	return 1
}

// A storeCollector collects the metrics of the store. It asks no other process, so a store
// that does not answer makes no scrape fail.
type storeCollector struct{ ask func() Store }

// Describe implements prometheus.Collector.
func (c storeCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range storeMetrics {
		descs <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c storeCollector) Collect(values chan<- prometheus.Metric) {
	is := reflect.ValueOf(c.ask())
	for _, m := range storeMetrics {
		values <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(is))
	}
}
