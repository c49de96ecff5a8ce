// Command sseserver is github.com/mroth/sseserver, ssed's ancestor, with ssed's lines as the way
// in.
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
			"the head of the answer is sent when the subscriber is in: by itself it comes with the first event or after 15 s",
			"every namespace gets a slash at its end: it compares raw prefixes, so /pet would hear /pets",
			"no line is logged for each subscriber: the log is not what is measured",
		},
		New: func() (peer.Hub, error) { return hub{sseserver.NewServer()}, nil },
	})
}

type hub struct{ server *sseserver.Server }

// Subscribe takes the library's own path, which is the same but for the slash.
func (h hub) Subscribe(w http.ResponseWriter, r *http.Request, namespace string) {
	r.URL.Path = "/subscribe" + closed(namespace)
	ctx := &watched{Context: r.Context(), then: http.NewResponseController(w).Flush}
	h.server.ServeHTTP(w, r.WithContext(ctx))
}

// Publish copies the data: the library puts it into the frame later, on a goroutine of its own.
func (h hub) Publish(namespace, event, data []byte) error {
	h.server.Broadcast <- sseserver.SSEMessage{Namespace: closed(string(namespace)), Event: string(event), Data: bytes.Clone(data)}
	return nil
}

// closed ends a namespace where its last segment does: /pets/ is a prefix of /pets/dogs/ and not of
// /petshop/.
func closed(namespace string) string { return strings.TrimSuffix(namespace, "/") + "/" }

// A watched context does something when it is first waited for. The library waits for its request's
// context from the moment when the subscriber is registered and the headers are set, and nothing
// else of it shows that moment.
type watched struct {
	context.Context
	once sync.Once
	then func() error
}

// Done implements [context.Context].
func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { w.then() }) // if it fails the subscriber has gone, which the library finds by itself
	return w.Context.Done()
}
