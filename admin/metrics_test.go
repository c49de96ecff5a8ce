package admin_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func TestMetricsAreClean(t *testing.T) {
	h := serve(t)
	h.subscribe(t, "/subscribe/secret-namespace", "x")
	code, answer, _ := h.ask(t, "GET", "/metrics", "")
	if code != 200 || strings.Contains(answer, "secret-namespace") {
		t.Errorf("%d %s", code, answer)
	}
	lintMetrics(t, answer)
	for _, name := range []string{"ssed_subscribers 1", `ssed_disconnects_total{reason="slow"} 0`, "ssed_log_lines_lost_total 0", "ssed_fan_out_seconds_bucket", "ssed_pass_seconds_count", "ssed_authorizing 0", "ssed_reports_waiting 0", "ssed_unreported_subscribers_total 0", "go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(answer, name) {
			t.Errorf("%s is missing", name)
		}
	}
}

// lintMetrics reports what Prometheus's linter finds in the metrics of ssed.
func lintMetrics(t *testing.T, metrics string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(metrics)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "ssed_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
