package clients

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// An opener starts a client that opens an EventSource at a URL. The client listens for events with
// these names, and for events without a name. It stops at the end of the test.
type opener func(t *testing.T, subscribe string, names ...string) *watcher

// A source is an implementation of EventSource that the tests drive.
type source struct {
	name    string
	browser *browser           // nil outside browsers
	need    func(t *testing.T) // skips the test if a program is missing; call it first
	open    opener
}

// browserSources are the EventSources of all browsers: in a page, a worker and a shared worker.
var browserSources = func() (all []source) {
	for _, b := range browsers {
		all = append(all,
			source{b.engine + " page", b, b.need, b.in("page.html")},
			source{b.engine + " worker", b, b.need, b.in("worker.html")},
			source{b.engine + " shared worker", b, b.need, b.in("shared.html")})
	}
	return all
}()

// eventSources are the EventSources of all browsers, of Node and of npm packages.
var eventSources = append(slices.Clip(browserSources),
	source{"Node", nil, needBareNode, inBareNode},
	source{"npm eventsource", nil, needPackages, inNode("eventsource")},
	source{"npm eventsource 2", nil, needPackages, inNode("eventsource-2")},
)

// givesUpIfRefused reports whether the source stops reconnecting when a connection is refused.
func (s source) givesUpIfRefused() bool {
	if s.browser == nil {
		return s.name == "Node"
	}
	return s.browser.givesUpIfRefused()
}

// shown returns the messages as the source shows them. Firefox is the only source that changes
// them: its parser drops every U+0000, except at the beginning of a line.
func (s source) shown(sent []Message) []Message {
	if s.browser == nil || s.browser.engine != "firefox" {
		return sent
	}
	var shown []Message
	for _, m := range sent {
		lines := strings.Split(m.Shown(), "\n")
		for i, line := range lines {
			if line != "" {
				lines[i] = line[:1] + strings.ReplaceAll(line[1:], "\x00", "")
			}
		}
		shown = append(shown, Message{Event: m.Event, Data: strings.Join(lines, "\n"), About: m.About})
	}
	return shown
}

// TestEventSource verifies that onopen fires before anything was published, and that every message
// then arrives as it was sent. The origin of all pages is not the daemon's.
func TestEventSource(t *testing.T) {
	t.Parallel()
	corpus := Corpus()
	for _, source := range eventSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startQuiet(t)
			w := source.open(t, d.Subscribe[0]+"/subscribe/corpus", Names(corpus)...)
			w.wait(t, "open", 1)
			Publish(t, d.Publish[0], "/corpus", corpus...)
			w.wantEvents(t, source.shown(corpus)...)
			if errors := w.of("error"); len(errors) > 0 {
				t.Errorf("the client reported %d errors", len(errors))
			}
		})
	}
}

// TestEventSourceReconnects verifies that an EventSource reconnects on its own and receives further
// messages, however the connection was lost.
func TestEventSourceReconnects(t *testing.T) {
	t.Parallel()
	ends := []struct {
		name string
		end  func(*testtool.Proxy)
	}{
		{"closed", (*testtool.Proxy).Cut},
		{"broken", (*testtool.Proxy).Reset},
	}
	for _, source := range eventSources {
		for _, tt := range ends {
			t.Run(source.name+", "+tt.name, func(t *testing.T) {
				t.Parallel()
				source.need(t)
				d := startQuiet(t, quickRetry)
				proxy := testtool.StartProxy(t, d.Subscribe[0])
				w := source.open(t, proxy.URL+"/subscribe/pets", "new-dog")
				w.wait(t, "open", 1)
				before, after := Message{Event: "new-dog", Data: "Corgi"}, Message{Event: "new-dog", Data: "Terrier"}
				Publish(t, d.Publish[0], "/pets", before)
				w.wantEvents(t, before)

				tt.end(proxy)
				w.wait(t, "open", 2)
				Publish(t, d.Publish[0], "/pets", after)
				w.wantEvents(t, before, after)
				if len(w.of("error")) == 0 {
					t.Error("the client reported no error, so it was not disconnected")
				}
			})
		}
	}
}

// TestEventSourceWithManyTopics verifies that one connection carries twelve topics, twice as many
// as the connections that a browser opens to a host, in the order of publishing.
func TestEventSourceWithManyTopics(t *testing.T) {
	t.Parallel()
	for _, source := range browserSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startQuiet(t)
			proxy := testtool.StartProxy(t, d.Subscribe[0])
			const topics = 12
			query := url.Values{}
			for i := range topics {
				query.Add("ns", fmt.Sprintf("/topic/%d", i))
			}
			w := source.open(t, proxy.URL+"/subscribe?"+query.Encode())
			w.wait(t, "open", 1)
			var sent []Message
			for i := range 3 * topics {
				m := Message{Data: fmt.Sprintf("message %d", i)}
				Publish(t, d.Publish[0], fmt.Sprintf("/topic/%d/below", i%topics), m)
				Publish(t, d.Publish[0], "/topic", Message{Data: "of a namespace above"})
				sent = append(sent, m)
			}
			w.wantEvents(t, sent...)
			if n := len(requests(proxy)); n != 1 {
				t.Errorf("the client made %d requests, want 1", n)
			}
		})
	}
}

// requests returns the exchanges that have a request. Browsers also open connections that they may
// never use.
func requests(proxy *testtool.Proxy) []testtool.Exchange {
	return slices.DeleteFunc(proxy.Exchanges(), func(e testtool.Exchange) bool { return e.Heard == "" })
}

// TestEventSourceWithToken verifies that a token in the URL is accepted, because an EventSource
// cannot send custom headers. With an unknown token, the EventSource gives up and does not try
// again.
func TestEventSourceWithToken(t *testing.T) {
	t.Parallel()
	for _, source := range eventSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startQuiet(t, "--token", pageToken+" subscribe")
			good := source.open(t, d.Subscribe[0]+"/subscribe/pets?token="+pageToken)
			bad := source.open(t, d.Subscribe[0]+"/subscribe/pets?token=guessed-token")
			good.wait(t, "open", 1)
			sent := Message{Data: "Corgi"}
			Publish(t, d.Publish[0], "/pets", sent)
			good.wantEvents(t, sent)
			testtool.WaitFor(t, "the client to give up", bad.gaveUp)
			if len(bad.of("open"))+len(bad.of("event")) > 0 {
				t.Error("a client with an unknown token got a stream")
			}
			if strings.Contains(d.Log(), pageToken) {
				t.Error("the token is in the log")
			}
		})
	}
}
