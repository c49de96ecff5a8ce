// Command centrifuge is github.com/centrifugal/centrifuge with its SSE transport and its in-memory
// broker. It accepts messages as PUB lines.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/centrifugal/centrifuge"

	"github.com/ssed/ssed/bench/peers/peer"
)

func main() {
	peer.Main(peer.Peer{
		Name:   "centrifuge",
		Module: "github.com/centrifugal/centrifuge",
		Changed: []string{
			"the server subscribes each client to the request's path without authorization: a plain subscriber sends no commands",
			"the server does not wait for a pong: a plain subscriber cannot send one and would be closed after 35 s",
			"the head of the answer waits for the reply to connect: by default it is sent before the client is subscribed",
			"data is published as a JSON string: the transport uses JSON",
		},
		New: newHub,
	})
}

type hub struct {
	node *centrifuge.Node
	sse  *centrifuge.SSEHandler
}

// namespaceKey is the key of the namespace in a request's context.
type namespaceKey struct{}

func newHub() (peer.Hub, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		namespace, _ := ctx.Value(namespaceKey{}).(string)
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{}, // anonymous
			Subscriptions: map[string]centrifuge.SubscribeOptions{namespace: {}},
		}, nil
	})
	noPong := centrifuge.PingPongConfig{PongTimeout: -1}
	return &hub{node, centrifuge.NewSSEHandler(node, centrifuge.SSEConfig{PingPongConfig: noPong})}, node.Run()
}

// connect is the first command of every client. The hub sends it on behalf of the subscriber.
var connect = url.Values{"cf_connect": {`{"id":1,"connect":{}}`}}.Encode()

// Subscribe connects the request as a client that is subscribed from the start.
func (h *hub) Subscribe(w http.ResponseWriter, r *http.Request, namespace string) {
	r = r.WithContext(context.WithValue(r.Context(), namespaceKey{}, namespace))
	r.URL.RawQuery = connect
	h.sse.ServeHTTP(&patient{ResponseWriter: w}, r)
}

// Publish ignores the event, because the protocol does not have events.
func (h *hub) Publish(namespace, _, data []byte) error {
	text, err := json.Marshal(string(data))
	if err != nil {
		return err
	}
	_, err = h.node.Publish(string(namespace), text)
	return err
}

// patient suppresses the first flush, which would send only the head. The second flush sends the
// reply to connect, which is written when the client is subscribed.
type patient struct {
	http.ResponseWriter
	flushed bool
}

// FlushError implements the flush method that [http.ResponseController] uses.
func (p *patient) FlushError() error {
	if !p.flushed {
		p.flushed = true
		return nil
	}
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Unwrap gives [http.ResponseController] access to the other methods.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
