package sse_test

import (
	"errors"
	"testing"

	"github.com/ssed/ssed/sse"
)

// TestReservedEvents checks reserved names and names that are similar to them.
func TestReservedEvents(t *testing.T) {
	reserved := sse.ReservedEvents{{Name: "gap", Flag: "--gap-event"}, {Name: "closed", Flag: "--closed-event"}}
	for _, tt := range []struct {
		list  sse.ReservedEvents
		event string
		want  string // a part of the error; "": the name is not reserved
	}{
		{reserved, "gap", `bad event name: reserved: the server uses "gap" for its own events; use another name, or rename the server's event with --gap-event`},
		{reserved, "closed", `bad event name: reserved: the server uses "closed" for its own events; use another name, or rename the server's event with --closed-event`},
		{reserved, "Gap", ""},
		{reserved, "gap ", ""},
		{reserved, "", ""},
		{nil, "gap", ""},
	} {
		err := tt.list.Check([]byte(tt.event))
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || err.Error() != tt.want):
			t.Errorf("%q: %v, want %q", tt.event, err, tt.want)
		case err != nil && !(errors.Is(err, sse.ErrReserved) && errors.Is(err, sse.ErrEvent)):
			t.Errorf("%q: %v is neither ErrReserved nor ErrEvent", tt.event, err)
		}
	}
}
