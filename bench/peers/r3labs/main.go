// Command r3labs is github.com/r3labs/sse. It accepts messages as PUB lines.
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
			"AutoReplay is off: if on, it keeps every message forever and sends all of them to each new subscriber",
			"a stream is created for its first subscriber: streams must exist in advance, and AutoStream may close a stream that has become empty while a new subscriber connects",
		},
		New: func() (peer.Hub, error) {
			server := sse.New()
			server.AutoReplay = false
			return hub{server}, nil
		},
	})
}

type hub struct{ server *sse.Server }

// Subscribe moves the namespace to the query, where the library expects the name of a stream.
func (h hub) Subscribe(w http.ResponseWriter, r *http.Request, namespace string) {
	h.server.CreateStream(namespace) // does nothing if it exists
	r.URL.RawQuery = url.Values{"stream": {namespace}}.Encode()
	h.server.ServeHTTP(w, r)
}

// Publish copies the slices, because the library formats them later, once for each subscriber.
func (h hub) Publish(namespace, event, data []byte) error {
	h.server.Publish(string(namespace), &sse.Event{Event: bytes.Clone(event), Data: bytes.Clone(data)})
	return nil
}
