package results

import (
	"math"
	"testing"
)

// TestMetricsHaveUnits checks the format and the better direction of metrics.
func TestMetricsHaveUnits(t *testing.T) {
	for _, test := range []struct {
		name   string
		number float64
		want   string
		title  string
		better Better
	}{
		{"deliveries/s", 3_902_113, "3.90M", "deliveries/s", More},
		{"deliveries/s", 999.6, "1.00k", "deliveries/s", More},
		{"deliveries/s", 999.4, "999", "deliveries/s", More},
		{"MB/s", 320.4, "320", "MB/s", More},
		{"server CPU ns/delivery", 13.06, "13.1 ns", "server CPU per delivery", Less},
		{"server CPU ns/delivery", 5004, "5.00 µs", "server CPU per delivery", Less},
		{"server CPU us/connection", 31.24, "31.2 µs", "server CPU per connection", Less},
		{"p99 latency us", 51_700, "51.7 ms", "p99 latency", Less},
		{"max latency us", 2_340_000, "2.34 s", "max latency", Less},
		{"PING p99 ms", 0.4, "400 µs", "PING p99", Less},
		{"seconds to open all", 1.5, "1.50 s", "seconds to open all", Less},
		{"RSS bytes/subscriber", 592, "592 B", "RSS per subscriber", Less},
		{"RSS bytes/subscriber", 24_000, "24.0 kB", "RSS per subscriber", Less},
		{"RSS MiB", 18.012, "18.0 MiB", "RSS", Less},
		{"RSS growth MiB", -0.5, "-0.50 MiB", "RSS growth", Less},
		{"RSS MiB", 2048, "2.00 GiB", "RSS", Less},
		{"load busy", 0.431, "43.1 %", "load busy", Neither},
		{"server disturbed", 0, "0 %", "server disturbed", Neither},
		{"server disturbed", 0.5, "50.0 %", "server disturbed", Neither},
		{"bound enforced", 1, "yes", "bound enforced", Neither},
		{"bound enforced", 0.5, "no", "bound enforced", Neither},
		{"messages overdue at the end", 3, "3", "messages overdue at the end", Less},
		{"memory MiB at most", 40, "40.0 MiB", "memory at most", Less},
		{"seconds until all are back", 1.5, "1.50 s", "seconds until all are back", Less},
		{"stalled ones closed", 200, "200", "stalled ones closed", Neither},
		{"p99 latency us", math.NaN(), "–", "p99 latency", Less},
	} {
		m := Lookup(test.name)
		if got := m.Format(test.number); got != test.want {
			t.Errorf("%s: %v is written %q, want %q", test.name, test.number, got, test.want)
		}
		if m.Title != test.title || m.Better != test.better {
			t.Errorf("%s: got %q, %d, want %q, %d", test.name, m.Title, m.Better, test.title, test.better)
		}
	}
}

// TestTicksAreShort checks the format of numbers on an axis.
func TestTicksAreShort(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 1: "1", 1000: "1k", 10_000: "10k", 1e6: "1M", 1024: "1024", 16_384: "16384", 2500: "2.5k", 0.5: "0.5"} {
		if got := Count(x); got != want {
			t.Errorf("Count(%v) = %q, want %q", x, got, want)
		}
	}
	if got := Lookup("p99 latency us").Tick(500_000); got != "500 ms" {
		t.Errorf("got %q", got)
	}
}

// TestSamplesPairByFileAndRepetition checks ratios and differences of paired samples.
func TestSamplesPairByFileAndRepetition(t *testing.T) {
	a := Samples{{0, 0, 10}, {0, 2, 30}, {1, 0, 8}}
	b := Samples{{1, 0, 2}, {0, 2, 10}, {0, 1, 1}}
	if got := a.Ratio(b); got != 3.5 {
		t.Errorf("got %v, want the median of 30/10 and 8/2", got)
	}
	if over := a.Over(Samples{{0, 0, 0}, {0, 2, 15}}); len(over) != 1 || over[0].number != 2 {
		t.Errorf("got %v, want only 30/15, without a division by 0", over)
	}
	if less := a.Less(b); len(less) != 2 || less[0].number != 20 || less[1].number != 6 {
		t.Errorf("got %v, want 30-10 and 8-2", less)
	}
	if got := a.Ratio(nil); !math.IsNaN(got) {
		t.Errorf("the ratio to an empty set is %v", got)
	}
}
