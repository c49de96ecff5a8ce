package clients

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestEventSourceObeysShutdown verifies that a stopping daemon sends each client a reconnection
// time, and that the EventSource reconnects after that time, not earlier.
func TestEventSourceObeysShutdown(t *testing.T) {
	t.Parallel()
	for _, source := range browserSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startQuiet(t, "--retry=1s")
			proxy := testtool.StartProxy(t, d.Subscribe[0])
			w := source.open(t, proxy.URL+"/subscribe/pets")
			w.wait(t, "open", 1)
			proxy.To("") // so that no connection is refused
			if code := d.Stop(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			next := startQuiet(t)
			proxy.To(next.Subscribe[0])
			w.wait(t, "open", 2)
			sent := Message{Data: "Corgi"}
			Publish(t, next.Publish[0], "/pets", sent)
			w.wantEvents(t, sent)
			wantObeyed(t, proxy)
			if n := len(requests(proxy)); n != 2 {
				t.Errorf("the client made %d requests, want 2", n)
			}
		})
	}
}

// TestEventSourceIsTurnedAway verifies that a full daemon answers with a stream that contains only
// a reconnection time. The EventSource reconnects after that time, and gets the place that has
// become free.
func TestEventSourceIsTurnedAway(t *testing.T) {
	t.Parallel()
	for _, source := range browserSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startQuiet(t, "--max-conns=1", "--retry=1s", "--log-level=debug")
			holder := testtool.StartProxy(t, d.Subscribe[0])
			testtool.Subscribe(t, holder.URL+"/subscribe/pets")
			proxy := testtool.StartProxy(t, d.Subscribe[0])
			w := source.open(t, proxy.URL+"/subscribe/pets")
			w.wait(t, "error", 1)
			if len(w.of("open")) == 0 {
				t.Error("the client reported no stream before the error")
			}
			holder.Cut()
			// Do not wait for a second "open": on a slow machine, the daemon may refuse the client
			// once more.
			testtool.WaitFor(t, "the client to get the place", func() bool { return strings.Count(d.Log(), ` msg="subscriber connected" `) == 2 })
			sent := Message{Data: "Corgi"}
			Publish(t, d.Publish[0], "/pets", sent)
			w.wantEvents(t, sent)
			wantObeyed(t, proxy)
		})
	}
}

// retryOnly matches a stream whose last block only sets the reconnection time.
var retryOnly = regexp.MustCompile(`(?:\n|^)retry:([0-9]+)\n\n$`)

// timersEarly is how much too early a browser's timer may fire, because browsers round timers.
const timersEarly = 20 * time.Millisecond

// wantObeyed checks that each stream through a proxy, except the last, ended with a reconnection
// time, and that the next stream did not begin earlier.
func wantObeyed(t *testing.T, proxy *testtool.Proxy) {
	t.Helper()
	made := requests(proxy)
	if len(made) < 2 {
		t.Fatalf("the client made %d requests, want at least 2", len(made))
	}
	for i, next := range made[1:] {
		ended := made[i]
		match := retryOnly.FindStringSubmatch(ended.Answered)
		if match == nil {
			t.Fatalf("stream %d did not end with a reconnection time: %q", i+1, ended.Answered)
		}
		ms, _ := strconv.Atoi(match[1])
		wait, waited := time.Duration(ms)*time.Millisecond, next.Began.Sub(ended.Ended)
		if waited < wait-timersEarly {
			t.Errorf("the client reconnected after %v, want at least %v", waited, wait)
		}
	}
}

// TestEventSourceIsRefused verifies the behavior while nothing listens on the port: Chromium and
// WebKit try again and again, Firefox gives up at the first refusal.
func TestEventSourceIsRefused(t *testing.T) {
	t.Parallel()
	for _, source := range browserSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startOn(t, ownRefused, "tcp://"+ownRefused)
			w := source.open(t, d.Subscribe[0]+"/subscribe/pets")
			w.wait(t, "open", 1)
			d.Process.Kill()
			d.Wait(t)
			if source.givesUpIfRefused() {
				testtool.WaitFor(t, "Firefox to give up", w.gaveUp)
				return
			}
			w.wait(t, "error", 3) // the end of the stream, and two refusals
			d = startAgain(t, d)
			w.wait(t, "open", 2)
			sent := Message{Data: "Corgi"}
			Publish(t, d.Publish[0], "/pets", sent)
			w.wantEvents(t, sent)
		})
	}
}

// ownRefused is an address like own. No other test listens on it, so a port that a daemon has left
// stays closed.
const ownRefused = "127.0.90.2:0"
