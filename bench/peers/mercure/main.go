// Command mercure is the hub of github.com/dunglas/mercure with its default transport, which keeps
// no history. It accepts messages as PUB lines.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/dunglas/mercure"

	"github.com/ssed/ssed/bench/peers/peer"
)

func main() {
	peer.Main(peer.Peer{
		Name:   "mercure",
		Module: "github.com/dunglas/mercure",
		Changed: []string{
			"subscribers need no token: the other servers do not require one",
			"logging is off: a log line per subscriber is not part of the measurement",
		},
		New: func() (peer.Hub, error) {
			silent := mercure.WithLogger(slog.New(slog.DiscardHandler))
			h, err := mercure.NewHub(context.Background(), mercure.WithAnonymous(), silent)
			return hub{h}, err
		},
	})
}

type hub struct{ hub *mercure.Hub }

// Subscribe moves the namespace to the query, where the library expects topics.
func (h hub) Subscribe(w http.ResponseWriter, r *http.Request, namespace string) {
	r.URL.RawQuery = url.Values{"topic": {namespace}}.Encode()
	h.hub.SubscribeHandler(w, r)
}

// Publish dispatches one public update.
func (h hub) Publish(namespace, event, data []byte) error {
	return h.hub.Publish(context.Background(), &mercure.Update{
		Topics: []string{string(namespace)},
		Event:  mercure.Event{Type: string(event), Data: string(data)},
	})
}
