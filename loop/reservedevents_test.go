package loop_test

import (
	"errors"
	"testing"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

// TestCheckGapEvent: a page could not tell a gap with the name "message" from a message,
// nor one with the name "open" or "error" from what happens to its connection.
func TestCheckGapEvent(t *testing.T) {
	for name, good := range map[string]bool{"gap": true, "Message": true, "messages": true, "message": false, "open": false, "error": false, "Error": true, "a\nb": false} {
		_, err := loop.New(loop.Options{Listen: []string{"127.0.0.1:0"}, GapEvent: name})
		if got := loop.CheckGapEvent(name); (got == nil) != good || (err == nil) != good || !good && !errors.Is(err, sse.ErrEvent) {
			t.Errorf("%q: %v, New: %v", name, got, err)
		}
	}
}

// TestReservedEvents: Publish refuses the names that the server uses itself under its
// options, with an error that callers know, and no others.
func TestReservedEvents(t *testing.T) {
	for _, tt := range []struct {
		name     string
		opts     loop.Options
		reserved []string
		free     []string
	}{
		{"by default", loop.Options{}, []string{"gap"}, []string{"", "Gap", "message", "error"}},
		{"renamed", loop.Options{GapEvent: "hole"}, []string{"hole"}, []string{"gap"}},
		{"left out", loop.Options{NoGapEvent: true}, nil, []string{"gap"}},
		{"left out and renamed", loop.Options{NoGapEvent: true, GapEvent: "hole"}, nil, []string{"gap", "hole"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.opts.ReservedEvents(); len(got) != len(tt.reserved) || len(got) > 0 && got[0].Name != tt.reserved[0] {
				t.Errorf("ReservedEvents is %+v, want %q", got, tt.reserved)
			}
			s := serve(t, tt.opts)
			for _, event := range tt.reserved {
				err := s.Publish(t.Context(), sse.Message{Namespace: "/n", Event: event})
				if !errors.Is(err, sse.ErrReserved) || !errors.Is(err, sse.ErrEvent) {
					t.Errorf("%q: %v, want ErrReserved", event, err)
				}
			}
			for _, event := range tt.free {
				if err := s.Publish(t.Context(), sse.Message{Namespace: "/n", Event: event}); err != nil {
					t.Errorf("%q: %v", event, err)
				}
			}
		})
	}
}
