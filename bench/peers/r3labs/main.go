// Command r3labs is github.com/r3labs/sse, with ssed's lines as the way in.
package main

import (
	"bytes"
	"net/http"
	"net/url"

	"github.com/r3labs/sse/v2"

	"github.com/ssed/ssed/bench/peers/peer"
)

func main() {
	peer.Main(peer.Peer{
		Name:   "r3labs",
		Module: "github.com/r3labs/sse/v2",
		Changed: []string{
			"AutoReplay is off: on, it keeps every message for ever and sends all of them to each newcomer",
			"a stream is created for its first subscriber: streams must exist before, and AutoStream ends one that empties while the next comes",
		},
		New: func() (peer.Hub, error) {
			server := sse.New()
			server.AutoReplay = false
			return hub{server}, nil
		},
	})
}

type hub struct{ server *sse.Server }

// Subscribe puts the namespace where the library looks for the name of a stream.
func (h hub) Subscribe(w http.ResponseWriter, r *http.Request, namespace string) {
	h.server.CreateStream(namespace) // if it is not there
	r.URL.RawQuery = url.Values{"stream": {namespace}}.Encode()
	h.server.ServeHTTP(w, r)
}

// Publish copies what the library formats later, once for each subscriber.
func (h hub) Publish(namespace, event, data []byte) error {
	h.server.Publish(string(namespace), &sse.Event{Event: bytes.Clone(event), Data: bytes.Clone(data)})
	return nil
}
