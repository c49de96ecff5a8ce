package admin

import (
	"reflect"

	"github.com/prometheus/client_golang/prometheus"
)

// A taggedMetric is the metric of one field of a struct.
type taggedMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	field int
}

// taggedMetrics are the metrics that the tags of a struct declare.
type taggedMetrics []taggedMetric

// metricsOf returns the metrics that the tags of T's fields declare, each with the given labels.
// The tag gauge or counter is the name, without the prefix, and the tag help is the help text.
func metricsOf[T any](prefix string, labels ...string) (metrics taggedMetrics) {
	fields := reflect.TypeFor[T]()
	for i := range fields.NumField() {
		tags := fields.Field(i).Tag
		name, kind := tags.Get("gauge"), prometheus.GaugeValue
		if name == "" {
			name, kind = tags.Get("counter"), prometheus.CounterValue
		}
		if name != "" {
			metrics = append(metrics, taggedMetric{prometheus.NewDesc(prefix+name, tags.Get("help"), labels, nil), kind, i})
		}
	}
	return metrics
}

func (metrics taggedMetrics) describe(descs chan<- *prometheus.Desc) {
	for _, m := range metrics {
		descs <- m.desc
	}
}

// collect sends the values of the metrics in a struct, with the values of their labels.
func (metrics taggedMetrics) collect(of any, values chan<- prometheus.Metric, labels ...string) {
	fields := reflect.ValueOf(of)
	for _, m := range metrics {
		values <- prometheus.MustNewConstMetric(m.desc, m.kind, number(fields.Field(m.field)), labels...)
	}
}

// number returns the value of a metric: a number unchanged, and 1 for true and for a string that is
// not empty.
func number(field reflect.Value) float64 {
	switch {
	case field.CanInt():
		return float64(field.Int())
	case field.CanUint():
		return float64(field.Uint())
	case field.IsZero():
		return 0
	}
	return 1
}
