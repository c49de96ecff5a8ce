package admin_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/admin"
)

// A fakeStore returns the state that the test sets.
type fakeStore struct {
	mu sync.Mutex
	is admin.Store
}

func (f *fakeStore) tell(is admin.Store) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.is = is
}

func (f *fakeStore) ask() admin.Store {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.is
}

func serveStore(t *testing.T) (*env, *fakeStore) {
	t.Helper()
	store := &fakeStore{}
	return serveOptions(t, ssed.Options{}, func(o *admin.Options) { o.Store = store.ask }), store
}

// well returns the state of a store without any trouble.
func well() admin.Store {
	return admin.Store{
		Connected: true, Reached: true, Live: true, Server: "n1 nats://10.0.0.5:4222", Stream: "ssed", Epoch: "b24wpue6", Replicas: 3, Leader: "n2",
		First: 5, Last: 20, Messages: 14, Bytes: 1400, Delivered: 18, Lag: 2,
		Unanswered: 3, Refused: 31, Resent: 32, Duplicates: 33, Undeliverable: 34, Reconnects: 35, Patience: 5 * time.Second,
	}
}

// TestHealthOfTheStore verifies healthz for several states of the store. Only clients that may see
// the pages may get the cause.
func TestHealthOfTheStore(t *testing.T) {
	h, store := serveStore(t)
	const cause = "dial tcp 10.0.0.5:4222:\nconnection refused"
	for _, tt := range []struct {
		name   string
		change func(*admin.Store)
		code   int
		says   string // how it begins
		cause  bool
	}{
		{"all is well", func(*admin.Store) {}, 200, "serving\n", false},
		{"a long lag", func(s *admin.Store) { s.Lag = 1e6 }, 200, "serving\n", false},
		{"never connected", func(s *admin.Store) { *s = admin.Store{Trouble: cause, Since: time.Now()} }, 503, "the store is unavailable", true},
		{"not asked yet", func(s *admin.Store) { *s = admin.Store{} }, 503, "the store is unavailable\n", false},
		{"connected, and no stream", func(s *admin.Store) { *s = admin.Store{Connected: true, Trouble: cause} }, 503, "the stream is unavailable", true},
		{"lost a moment ago", func(s *admin.Store) { s.Connected, s.Trouble, s.Since = false, cause, time.Now() }, 200, "serving\n", false},
		{"lost for long", func(s *admin.Store) { s.Connected, s.Trouble, s.Since = false, cause, time.Now().Add(-time.Minute) }, 503, "the connection to the store is lost, since ", true},
		{"no leader for long", func(s *admin.Store) { s.Trouble, s.Since = cause, time.Now().Add(-time.Minute) }, 503, "the stream does not answer, since ", true},
		{"not live yet", func(s *admin.Store) { s.Live = false }, 503, "this node must deliver 2 more stored messages", false},
	} {
		is := well()
		tt.change(&is)
		store.tell(is)
		code, answer, _ := h.ask(t, "GET", "/admin/healthz", "")
		if code != tt.code || !strings.HasPrefix(answer, tt.says) || strings.Count(answer, "\n") != 1 {
			t.Errorf("%s: %d %q, want %d and one line that begins with %q", tt.name, code, answer, tt.code, tt.says)
		}
		if told := strings.HasSuffix(answer, ": dial tcp 10.0.0.5:4222: connection refused\n"); told != tt.cause {
			t.Errorf("%s: the answer includes the cause: %v, want %v: %q", tt.name, told, tt.cause, answer)
		}
		code, answer, _ = h.ask(t, "GET", "/admin/healthz", "", "X-Forwarded-For: 8.8.8.8")
		if code != tt.code || !strings.HasPrefix(answer, tt.says) || strings.Contains(answer, "10.0.0.5") {
			t.Errorf("%s: an unauthorized client gets %d %q", tt.name, code, answer)
		}
	}
}

// TestStatusOfTheStore verifies every figure of the store in status.json and /metrics.
func TestStatusOfTheStore(t *testing.T) {
	h, store := serveStore(t)
	is := well()
	is.Trouble, is.Since = "no responders", time.Unix(1_700_000_000, 0)
	store.tell(is)
	_, answer, _ := h.ask(t, "GET", "/admin/status.json?limit=0", "")
	var got struct{ Store map[string]any }
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err)
	}
	if unfit, _ := got.Store["unfit"].(string); !strings.HasPrefix(unfit, "the stream does not answer, since 22:13:20 UTC (") {
		t.Errorf("unfit is %q", unfit)
	}
	delete(got.Store, "unfit")
	want := map[string]any{
		"embedded": false, "connected": true, "server": "n1 nats://10.0.0.5:4222", "reached": true, "live": true, "stream": "ssed",
		"epoch": "b24wpue6", "replicas": 3., "leader": "n2", "first": 5., "last": 20., "messages": 14., "bytes": 1400.,
		"delivered": 18., "lag": 2., "unanswered": 3., "refused": 31., "resent": 32., "duplicates": 33., "undeliverable": 34., "reconnects": 35.,
		"trouble": "no responders", "trouble_since": 1_700_000_000.,
	}
	for name, value := range want {
		if got.Store[name] != value {
			t.Errorf("%s is %v, want %v", name, got.Store[name], value)
		}
	}
	if len(got.Store) != len(want) {
		t.Errorf("there are %d fields, want %d: %v", len(got.Store), len(want), got.Store)
	}

	_, answer, _ = h.ask(t, "GET", "/metrics", "")
	for _, line := range []string{
		"connected 1", "reached 1", "live 1", "trouble 1", "first_sequence 5", "last_sequence 20", "delivered_sequence 18", "lag_messages 2", "messages 14", "bytes 1400",
		"unanswered_messages 3", "refused_total 31", "resent_total 32", "duplicates_total 33", "undeliverable_total 34", "reconnects_total 35",
	} {
		if !strings.Contains(answer, "\nssed_store_"+line+"\n") {
			t.Errorf("ssed_store_%s is missing", line)
		}
	}
	lintMetrics(t, answer)
}

// TestNoStore verifies that without a store the word "store" appears only as a reason to
// disconnect, with the count 0.
func TestNoStore(t *testing.T) {
	h := serve(t)
	for path, reason := range map[string]string{
		"/admin/status.json?limit=0": `"store": 0`,
		"/metrics":                   `ssed_disconnects_total{reason="store"} 0`,
	} {
		_, answer, _ := h.ask(t, "GET", path, "")
		if answer = strings.Replace(answer, reason, "", 1); strings.Contains(answer, "store") {
			t.Errorf("%s mentions a store:\n%s", path, answer)
		}
	}
}
