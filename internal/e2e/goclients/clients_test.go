package goclients

import (
	"slices"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/e2e/clients"
	"github.com/ssed/ssed/internal/testtool"
)

// TestReceivesPublishedMessages verifies that the response head arrives before anything was
// published, and that every message then arrives as it was sent.
func TestReceivesPublishedMessages(t *testing.T) {
	for _, tt := range libraries {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// There is no heartbeat during the test, so the head must arrive without one.
			d := testtool.Start(t, "--heartbeat=1h")
			r := read(t, tt.read, d.Subscribe[0]+"/subscribe/corpus")
			r.waitForAnswer(t, 1)
			corpus := clients.Corpus()
			clients.Publish(t, d.Publish[0], "/corpus", corpus...)
			r.wait(t, slices.DeleteFunc(corpus, func(m clients.Message) bool { return slices.Contains(tt.lost, m) })...)
		})
	}
}

// TestReconnects verifies that the client reconnects and receives further messages, however its
// connection was lost.
func TestReconnects(t *testing.T) {
	ends := []struct {
		name string
		end  func(*testing.T, *testtool.Proxy, *testtool.Daemon) *testtool.Daemon // returns the daemon that serves from then on
	}{
		{"closed", func(_ *testing.T, r *testtool.Proxy, d *testtool.Daemon) *testtool.Daemon {
			r.Cut()
			return d
		}},
		{"broken", func(_ *testing.T, r *testtool.Proxy, d *testtool.Daemon) *testtool.Daemon {
			r.Reset()
			return d
		}},
		{"daemon restarted", func(t *testing.T, r *testtool.Proxy, d *testtool.Daemon) *testtool.Daemon {
			if code := d.Stop(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			next := testtool.Start(t)
			r.To(next.Subscribe[0])
			return next
		}},
	}
	for _, tt := range libraries {
		for _, how := range ends {
			t.Run(tt.name+", "+how.name, func(t *testing.T) {
				t.Parallel()
				d := testtool.Start(t)
				proxy := testtool.StartProxy(t, d.Subscribe[0])
				r := read(t, tt.read, proxy.URL+"/subscribe/pets")
				r.waitForAnswer(t, 1)
				before, after := clients.Message{Event: "new-dog", Data: "Corgi"}, clients.Message{Event: "new-dog", Data: "Terrier"}
				clients.Publish(t, d.Publish[0], "/pets", before)
				r.wait(t, before)

				first := d
				d = how.end(t, proxy, d)
				r.waitForAnswer(t, 2)
				// The second response may be from a daemon that is shutting down and only sets a
				// reconnection time.
				connects := 1
				if d == first {
					connects = 2
				}
				testtool.WaitFor(t, "the client to subscribe again", func() bool { return strings.Count(d.Log(), ` msg="subscriber connected" `) >= connects })
				r.forgetRetries()
				clients.Publish(t, d.Publish[0], "/pets", after)
				r.wait(t, before, after)
			})
		}
	}
}
