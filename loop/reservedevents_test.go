package loop_test

import (
	"errors"
	"testing"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
)

// TestReservedEvents verifies that Publish refuses exactly the names that the server itself uses
// with its options, and that the error is sse.ErrReserved.
func TestReservedEvents(t *testing.T) {
	for _, tt := range []struct {
		name     string
		opts     ssed.Options
		reserved []string
		free     []string
	}{
		{"by default", ssed.Options{}, []string{"gap"}, []string{"", "Gap", "message", "error"}},
		{"renamed", ssed.Options{GapEvent: "hole"}, []string{"hole"}, []string{"gap"}},
		{"left out", ssed.Options{NoGapEvent: true}, nil, []string{"gap"}},
		{"left out and renamed", ssed.Options{NoGapEvent: true, GapEvent: "hole"}, nil, []string{"gap", "hole"}},
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
