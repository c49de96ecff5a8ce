// Command gosse is github.com/tmaxmax/go-sse with Joe, its default provider, and ssed's lines as
// the way in.
package main

import (
	"net/http"
	"strings"

	"github.com/tmaxmax/go-sse"

	"github.com/ssed/ssed/bench/peers/peer"
)

func main() {
	peer.Main(peer.Peer{
		Name:   "gosse",
		Module: "github.com/tmaxmax/go-sse",
		Changed: []string{
			"the head of the answer is sent when the subscriber is in, by a replayer that replays nothing: by itself it comes with the first event",
		},
		New: func() (peer.Hub, error) {
			return hub{&sse.Server{Provider: &sse.Joe{Replayer: greeter{}}, OnSession: topic}}, nil
		},
	})
}

type hub struct{ server *sse.Server }

// topic is what a request subscribes to: the namespace.
func topic(_ http.ResponseWriter, r *http.Request) (topics []string, allowed bool) {
	return []string{strings.TrimPrefix(r.URL.Path, "/subscribe")}, true
}

// Subscribe leaves the namespace to topic, which the library asks.
func (h hub) Subscribe(w http.ResponseWriter, r *http.Request, _ string) { h.server.ServeHTTP(w, r) }

// Publish makes the library's message, which copies the data.
func (h hub) Publish(namespace, event, data []byte) error {
	message := &sse.Message{}
	message.AppendData(string(data))
	if len(event) > 0 {
		kind, err := sse.NewType(string(event))
		if err != nil {
			return err
		}
		message.Type = kind
	}
	return h.server.Publish(message, string(namespace))
}

// A greeter is a [sse.Replayer] without a memory. The provider calls it in the turn of its loop in
// which it takes up a subscriber, so that whoever has the head hears all that is published from
// then on.
type greeter struct{}

// Put keeps nothing.
func (greeter) Put(message *sse.Message, _ []string) (*sse.Message, error) { return message, nil }

// Replay sends the head alone.
func (greeter) Replay(s sse.Subscription) error { return s.Client.Flush() }
