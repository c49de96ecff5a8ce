// Command gosse is github.com/tmaxmax/go-sse with Joe, its default provider. It accepts messages as
// PUB lines.
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
			"a replayer that replays nothing sends the head of the answer when the client is subscribed: by default it is sent with the first event",
		},
		New: func() (peer.Hub, error) {
			return hub{&sse.Server{Provider: &sse.Joe{Replayer: greeter{}}, OnSession: topic}}, nil
		},
	})
}

type hub struct{ server *sse.Server }

// topic returns the topic of a request: its namespace.
func topic(_ http.ResponseWriter, r *http.Request) (topics []string, allowed bool) {
	return []string{strings.TrimPrefix(r.URL.Path, "/subscribe")}, true
}

// Subscribe passes the request to the library, which calls topic for the namespace.
func (h hub) Subscribe(w http.ResponseWriter, r *http.Request, _ string) { h.server.ServeHTTP(w, r) }

// Publish converts the message to the library's type, which copies the data.
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

// A greeter is a [sse.Replayer] that stores nothing. The provider calls it in its loop when it adds
// a subscriber. So a subscriber that has the head receives every message published from then on.
type greeter struct{}

// Put implements [sse.Replayer] and stores nothing.
func (greeter) Put(message *sse.Message, _ []string) (*sse.Message, error) { return message, nil }

// Replay implements [sse.Replayer] and sends only the head.
func (greeter) Replay(s sse.Subscription) error { return s.Client.Flush() }
