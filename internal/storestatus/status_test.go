package storestatus

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestUnfit verifies that trouble makes a node unfit only after it has lasted for Patience.
func TestUnfit(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	fit := Status{Connected: true, Reached: true, Live: true, Lag: 7, Patience: 5 * time.Second}
	for _, tt := range []struct {
		name       string
		change     func(*Status)
		why, cause string
	}{
		{"fit", func(*Status) {}, "", ""},
		{"no connection yet", func(s *Status) { s.Connected, s.Reached, s.Trouble = false, false, "refused" }, "the store is unavailable", "refused"},
		{"no stream yet", func(s *Status) { s.Reached, s.Trouble = false, "no leader" }, "the stream is unavailable", "no leader"},
		{"a short trouble", func(s *Status) { s.Trouble, s.Since = "EOF", now.Add(-5*time.Second+1) }, "", ""},
		{"a long one", func(s *Status) { s.Trouble, s.Since = "EOF", now.Add(-5*time.Second) }, "the stream does not answer, since 11:59:55 UTC (5s)", "EOF"},
		{"a lost connection", func(s *Status) { s.Connected, s.Trouble, s.Since = false, "EOF", now.Add(-time.Minute) }, "the connection to the store is lost, since 11:59:00 UTC (1m0s)", "EOF"},
		{"not live", func(s *Status) { s.Live = false }, "this node must deliver 7 more stored messages before it accepts subscribers", ""},
	} {
		s := fit
		tt.change(&s)
		if why, cause := s.Unfit(now); why != tt.why || cause != tt.cause {
			t.Errorf("%s: %q, %q; want %q, %q", tt.name, why, cause, tt.why, tt.cause)
		}
	}
}

// TestTags verifies that each field has a unique JSON name or is excluded, and that each metric has
// a help text.
func TestTags(t *testing.T) {
	figures, names := reflect.TypeFor[Status](), map[string]bool{}
	for i := range figures.NumField() {
		field := figures.Field(i)
		name := field.Tag.Get("json")
		if name != "-" && (name != strings.ToLower(field.Name) || names[name]) {
			t.Errorf("%s is %q in JSON", field.Name, name)
		}
		names[name] = true
		gauge, counter, help := field.Tag.Get("gauge"), field.Tag.Get("counter"), field.Tag.Get("help")
		if gauge != "" && counter != "" || (gauge+counter == "") != (help == "") {
			t.Errorf("%s: gauge %q, counter %q, help %q", field.Name, gauge, counter, help)
		}
		if strings.HasSuffix(gauge, "_total") || counter != "" && !strings.HasSuffix(counter, "_total") {
			t.Errorf("%s: gauge %q, counter %q", field.Name, gauge, counter)
		}
	}
}
