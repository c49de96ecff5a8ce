package clients

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestEventSourceIsSentAway: a daemon that ends tells each client when to come back.
// The EventSource comes back then, and not before.
func TestEventSourceIsSentAway(t *testing.T) {
	t.Parallel()
	for _, source := range browserSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startQuiet(t, "--retry=1s")
			proxy := testtool.StartProxy(t, d.Subscribe[0])
			w := source.open(t, proxy.URL+"/subscribe/pets")
			w.wait(t, "open", 1)
			proxy.To("") // so that nobody is refused
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

// TestEventSourceIsTurnedAway: a full daemon answers with a stream that only says when
// to come back. The EventSource comes back then, and gets the place that is free.
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
			// Not for a second "open": on a slow machine, the client was turned away again.
			testtool.WaitFor(t, "the client to get the place", func() bool { return strings.Count(d.Log(), ` msg="subscriber connected" `) == 2 })
			sent := Message{Data: "Corgi"}
			Publish(t, d.Publish[0], "/pets", sent)
			w.wantEvents(t, sent)
			wantObeyed(t, proxy)
		})
	}
}

// retryOnly is how a stream ends whose client is to come back after a time.
var retryOnly = regexp.MustCompile(`(?:\n|^)retry:([0-9]+)\n\n$`)

// timersEarly is how much too early a browser's timer may fire: they are rounded.
const timersEarly = 20 * time.Millisecond

// wantObeyed wants each stream through a proxy but the last to have ended with a time to
// come back, and the next one to have begun no earlier.
func wantObeyed(t *testing.T, proxy *testtool.Proxy) {
	t.Helper()
	made := requests(proxy)
	if len(made) < 2 {
		t.Fatalf("the client made %d requests, want 2 at least", len(made))
	}
	for i, next := range made[1:] {
		ended := made[i]
		told := retryOnly.FindStringSubmatch(ended.Answered)
		if told == nil {
			t.Fatalf("stream %d did not end with a time to come back: %q", i+1, ended.Answered)
		}
		ms, _ := strconv.Atoi(told[1])
		wait, waited := time.Duration(ms)*time.Millisecond, next.Began.Sub(ended.Ended)
		if waited < wait-timersEarly {
			t.Errorf("the client came back after %v, it was told %v", waited, wait)
		}
	}
}

// TestEventSourceIsRefused: while nobody listens on the port, Chromium and WebKit try
// again and again. Firefox gives up for good at the first try.
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
			if source.endsIfRefused() {
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

// ownRefused is an address like own. No other test listens on it, so that a port that
// a daemon has left stays closed.
const ownRefused = "127.0.90.2:0"
