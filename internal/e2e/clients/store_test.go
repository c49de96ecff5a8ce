package clients

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestEventSourceMissesNothingAcrossRestarts verifies that with a store, an EventSource receives
// every message once and in order. The daemon is killed or stopped with SIGTERM, and messages are
// published before that and while the client is disconnected.
func TestEventSourceMissesNothingAcrossRestarts(t *testing.T) {
	t.Parallel()
	for _, source := range browserSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			flags := []string{quickRetry, "--store=" + t.TempDir()}
			d := startQuiet(t, flags...)
			proxy := testtool.StartProxy(t, d.Subscribe[0])
			w := source.open(t, proxy.URL+"/subscribe/pets", "new-dog")
			w.wait(t, "open", 1)
			var sent []Message
			publish := func(when string) {
				for i := range 3 {
					m := Message{Event: "new-dog", Data: fmt.Sprintf("%s, %d", when, i)}
					Publish(t, d.Publish[0], "/pets", m)
					sent = append(sent, m)
				}
			}
			publish("before the first end")
			w.wantEvents(t, sent...)
			for round, signal := range []os.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
				proxy.To("") // new connections wait: Firefox gives up if it is refused
				publish(fmt.Sprintf("just before end %d", round))
				if err := d.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				d.Wait(t)
				d = startQuiet(t, flags...)
				publish(fmt.Sprintf("after end %d, without the client", round))
				proxy.To(d.Subscribe[0])
				w.wantEvents(t, sent...)
			}
			if n := len(w.of("error")); n < 3 {
				t.Errorf("the client reported %d errors, so it was not disconnected 3 times", n)
			}
		})
	}
}
