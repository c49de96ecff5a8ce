package ssed

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/sse"
)

// wrong returns the fields that an error of Validate reports, in its order.
func wrong(t *testing.T, err error) (fields []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		field, ok := errors.AsType[*FieldError](err)
		if !ok {
			t.Fatalf("%v is not a FieldError", err)
		}
		fields = append(fields, field.Field)
	}
	return fields
}

func TestValidateTexts(t *testing.T) {
	options := map[string]func(text string) Options{
		"Listen":         func(text string) Options { return Options{Listen: []string{":0", text}} },
		"CORSOrigins":    func(text string) Options { return Options{CORSOrigins: []string{"https://a.example", text}} },
		"TrustedProxies": func(text string) Options { return Options{TrustedProxies: []string{"10.0.0.0/8", text}} },
	}
	tests := []struct {
		field, text string
		good        bool
	}{
		{"Listen", ":8001", true},
		{"Listen", "[::1]:0", true},
		{"Listen", "unix:///run/ssed/http", true},
		{"Listen", "8001", false},
		{"Listen", "unix://run/ssed", false},
		{"Listen", "http://localhost:8001", false},
		{"CORSOrigins", "http://localhost:3000", true},
		{"CORSOrigins", "https://b.example/", false},
		{"CORSOrigins", "*", false}, // it cannot be combined with other entries
		{"TrustedProxies", "unix", true},
		{"TrustedProxies", "::1", true},
		{"TrustedProxies", "10.0.0.0/33", false},
		{"TrustedProxies", "localhost", false},
	}
	for _, tt := range tests {
		var want []string
		if !tt.good {
			want = []string{tt.field}
		}
		if err := options[tt.field](tt.text).Validate(); !slices.Equal(wrong(t, err), want) {
			t.Errorf("%s %q: %v", tt.field, tt.text, err)
		}
	}
}

// TestValidateNamesEachEntry verifies that a list is reported entry by entry, or as a whole if only
// the combination is invalid.
func TestValidateNamesEachEntry(t *testing.T) {
	err := Options{
		CORSOrigins:    []string{"https://a.example/", "https://b.example", "c.example"},
		TrustedProxies: []string{"10.0.0.0/33", "localhost"},
	}.Validate()
	var values []any
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		field, _ := errors.AsType[*FieldError](err)
		values = append(values, field.Value)
	}
	if want := []any{"https://a.example/", "c.example", "10.0.0.0/33", "localhost"}; !slices.Equal(values, want) {
		t.Errorf("the errors report the values %v, want %v", values, want)
	}
	both := wrong(t, Options{RetryMin: time.Millisecond, RetryMax: 2 * time.Hour}.Validate())
	if !slices.Equal(both, []string{"RetryMin", "RetryMax"}) {
		t.Errorf("the errors report %v, want both reconnection times", both)
	}
}

// TestGapEventNames verifies that names are refused which a page could not distinguish from other
// events: "message" is the type of events without a name, and "open" and "error" are the events of
// the connection.
func TestGapEventNames(t *testing.T) {
	for name, good := range map[string]bool{"gap": true, "Message": true, "messages": true, "message": false, "open": false, "error": false, "Error": true, "a\nb": false} {
		opts := Options{Listen: []string{"127.0.0.1:0"}, GapEvent: name}
		_, err := New(opts)
		if got := opts.Validate(); (got == nil) != good || (err == nil) != good || !good && !errors.Is(err, sse.ErrEvent) {
			t.Errorf("%q: %v, New: %v", name, got, err)
		}
	}
}

// TestValidateReportsAll checks both sides of each bound, and several errors at the same time.
func TestValidateReportsAll(t *testing.T) {
	least := sse.FrameBytesMax(1000)
	for _, tt := range []struct {
		name string
		opts Options
		want []string
	}{
		{"nothing", Options{}, nil},
		{"the least times", Options{Heartbeat: time.Second, StallTimeout: time.Second, HeaderTimeout: 100 * time.Millisecond, AuthorizeTimeout: 100 * time.Millisecond, ReplyTimeout: 100 * time.Millisecond, Drain: -1}, nil},
		{"less", Options{Heartbeat: time.Second - 1, StallTimeout: time.Second - 1, HeaderTimeout: 100*time.Millisecond - 1, AuthorizeTimeout: 100*time.Millisecond - 1, ReplyTimeout: 100*time.Millisecond - 1},
			[]string{"Heartbeat", "HeaderTimeout", "StallTimeout", "ReplyTimeout", "AuthorizeTimeout"}},
		{"negative counts", Options{ConnsMax: -1, PublishersMax: -1, ConnsPerAddressMax: -1, AuthorizeMax: -1, ReportsMax: -1},
			[]string{"ConnsMax", "AuthorizeMax", "ReportsMax", "PublishersMax", "ConnsPerAddressMax"}},
		{"the most loops", Options{Loops: openfiles.LoopsMax, ConnsMax: 1}, nil},
		{"one more", Options{Loops: openfiles.LoopsMax + 1, ConnsMax: 1}, []string{"Loops"}},
		{"the largest number of loops", Options{Loops: math.MaxInt, ConnsMax: 1}, []string{"Loops"}},
		{"no loop", Options{Loops: -1}, []string{"Loops"}},
		{"negative sizes", Options{HistoryBytesMax: -1, BacklogBytesMax: -1, BacklogTotalBytesMax: -1, MailboxBytesMax: -1, DataBytesMax: -1, HeadBytesMax: -1, SendBufferBytes: -1},
			[]string{"HistoryBytesMax", "BacklogBytesMax", "BacklogTotalBytesMax", "MailboxBytesMax", "DataBytesMax", "HeadBytesMax", "SendBufferBytes"}},
		{"room for one message", Options{DataBytesMax: 1000, BacklogBytesMax: least, BacklogTotalBytesMax: least}, nil},
		{"no room for it", Options{DataBytesMax: 1000, BacklogBytesMax: least - 1, BacklogTotalBytesMax: least - 2}, []string{"BacklogBytesMax", "BacklogTotalBytesMax"}},
		{"histories", Options{History: []HistoryRule{{Prefix: "/a/", Messages: 1}, {Prefix: "no slash"}, {Prefix: "/b", Messages: -1}, {Prefix: "/c", Age: -1}, {Prefix: "/d", Age: time.Millisecond}}},
			[]string{"History", "History", "History", "History"}},
		{"slow", Options{Slow: SlowSkip + 1}, []string{"Slow"}},
		{"handover", Options{Handover: &Handover{Paths: []string{"/", "/a", "b", "/c/"}, ConnsMax: -1}}, []string{"Handover.ConnsMax", "Handover.Paths", "Handover.Paths"}},
		{"retry, too short", Options{RetryMin: 99 * time.Millisecond}, []string{"RetryMin"}},
		{"retry, too long", Options{RetryMax: time.Hour + 1}, []string{"RetryMax"}},
		{"retry, the wrong way round", Options{RetryMin: 3 * time.Second, RetryMax: 2 * time.Second}, []string{"RetryMin"}},
		{"addresses", Options{Listen: []string{"1", "2"}, Publish: []string{"3"}}, []string{"Listen", "Listen", "Publish"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.opts.Validate()
			if got := wrong(t, err); !slices.Equal(got, tt.want) {
				t.Errorf("the errors report %q, want %q: %v", got, tt.want, err)
			}
			if _, fromNew := New(tt.opts); len(tt.want) > 0 && (fromNew == nil || fromNew.Error() != err.Error()) {
				t.Errorf("New returns %v, want the error of Validate", fromNew)
			}
		})
	}
}

// TestFieldErrorNamesTheValue verifies that the error contains the value of a number, which the
// problem's text does not contain.
func TestFieldErrorNamesTheValue(t *testing.T) {
	for want, opts := range map[string]Options{
		"ssed: ConnsMax=-2: must be 1 or more, or 0 for the default":           {ConnsMax: -2},
		"ssed: Heartbeat=20ms: must be 1s or more":                             {Heartbeat: 20 * time.Millisecond},
		`ssed: Handover.Paths: invalid path "admin": expected a leading slash`: {Handover: &Handover{Paths: []string{"admin"}}},
		`ssed: History: invalid prefix: namespace "pets" must start with "/"`:  {History: []HistoryRule{{Prefix: "pets"}}},
		"ssed: RetryMin=3s: must not exceed RetryMax=2s":                       {RetryMin: 3 * time.Second, RetryMax: 2 * time.Second},
	} {
		if err := opts.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
