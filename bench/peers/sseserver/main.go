// Command sseserver is github.com/mroth/sseserver, ssed's ancestor. It accepts messages as PUB
// lines.
package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/mroth/sseserver"

	"github.com/ssed/ssed/bench/peers/peer"
)

func main() {
	peer.Main(peer.Peer{
		Name:   "sseserver",
		Module: "github.com/mroth/sseserver",
		Changed: []string{
			"the head of the answer is sent when the client is subscribed: by default it is sent with the first event or after 15 s",
			"every namespace gets a slash at its end: the library compares raw prefixes, so a subscriber of /pet would receive messages for /pets",
			"the log line per subscriber is removed: the log is not part of the measurement",
		},
		New: func() (peer.Hub, error) { return hub{sseserver.NewServer()}, nil },
	})
}

type hub struct{ server *sseserver.Server }

// Subscribe uses the library's own path, which differs only by the slash.
func (h hub) Subscribe(w http.ResponseWriter, r *http.Request, namespace string) {
	r.URL.Path = "/subscribe" + closed(namespace)
	ctx := &watched{Context: r.Context(), then: http.NewResponseController(w).Flush}
	h.server.ServeHTTP(w, r.WithContext(ctx))
}

// Publish copies the data, because the library copies it into the frame later, in another
// goroutine.
func (h hub) Publish(namespace, event, data []byte) error {
	h.server.Broadcast <- sseserver.SSEMessage{Namespace: closed(string(namespace)), Event: string(event), Data: bytes.Clone(data)}
	return nil
}

// closed adds a slash to the end of a namespace. /pets/ is a prefix of /pets/dogs/, but not of
// /petshop/.
func closed(namespace string) string { return strings.TrimSuffix(namespace, "/") + "/" }

// A watched context calls a function when Done is called for the first time. The library waits for
// its request's context as soon as the subscriber is registered and the headers are set. The
// library has no other hook at that moment.
type watched struct {
	context.Context
	once sync.Once
	then func() error
}

// Done implements [context.Context].
func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { w.then() }) // if it fails, the subscriber has disconnected, and the library will notice that itself
	return w.Context.Done()
}
