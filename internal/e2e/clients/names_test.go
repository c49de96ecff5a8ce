package clients

import (
	"slices"
	"testing"
)

// TestEventSourceNames verifies how clients dispatch the event names that EventSource itself uses.
// Publishers must not use them. HTML section 9.2.6 dispatches a frame with "event:error" as a
// MessageEvent of the type "error", at the object at which section 9.2.3 fires the connection's own
// error events. So onerror receives both, and only data distinguishes them. "open" behaves in the
// same way; "message" is the type of a frame without a name. The npm package eventsource calls
// onerror and onopen for the connection only; its addEventListener receives both.
func TestEventSourceNames(t *testing.T) {
	t.Parallel()
	for _, source := range eventSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startQuiet(t)
			w := source.open(t, d.Subscribe[0]+"/subscribe/n")
			w.wait(t, "open", 1)
			sent := []Message{{Event: "error", Data: "of a publisher"}, {Event: "open", Data: "of a publisher"}, {Event: "message", Data: "named"}, {Data: "not named"}}
			Publish(t, d.Publish[0], "/n", sent...)
			w.wantEvents(t, sent[2:]...)
			got := append(w.of("error"), w.of("open")[1:]...)
			want := []report{{Kind: "error", Data: "of a publisher", ReadyState: 1}, {Kind: "open", Data: "of a publisher"}}
			if source.name == "npm eventsource" {
				want = nil
			}
			if first := w.of("open")[0]; first.Data != "" || !slices.Equal(got, want) {
				t.Errorf("onerror and onopen were called for %+v, want %+v; first %+v", got, want, first)
			}
		})
	}
}
