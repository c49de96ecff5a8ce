// Command centrifuge is github.com/centrifugal/centrifuge with its SSE transport and its broker in
// memory, and ssed's lines as the way in.
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
			"the request's path subscribes, on the server's side, and everybody may: a plain subscriber sends no commands",
			"no pong is waited for: a plain subscriber cannot send one and would be closed after 35 s",
			"the head of the answer waits for the reply to connect: by itself it comes before the subscriber is in",
			"data is published as a JSON string: the transport's protocol is JSON",
		},
		New: newHub,
	})
}

type hub struct {
	node *centrifuge.Node
	sse  *centrifuge.SSEHandler
}

// namespaceKey is where a request's context has the namespace.
type namespaceKey struct{}

func newHub() (peer.Hub, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		namespace, _ := ctx.Value(namespaceKey{}).(string)
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{}, // nobody in particular
			Subscriptions: map[string]centrifuge.SubscribeOptions{namespace: {}},
		}, nil
	})
	noPong := centrifuge.PingPongConfig{PongTimeout: -1}
	return &hub{node, centrifuge.NewSSEHandler(node, centrifuge.SSEConfig{PingPongConfig: noPong})}, node.Run()
}

// connect is the command that every client begins with; here it is said on behalf of the
// subscriber.
var connect = url.Values{"cf_connect": {`{"id":1,"connect":{}}`}}.Encode()

// Subscribe connects the request as a client that is subscribed from the start.
func (h *hub) Subscribe(w http.ResponseWriter, r *http.Request, namespace string) {
	r = r.WithContext(context.WithValue(r.Context(), namespaceKey{}, namespace))
	r.URL.RawQuery = connect
	h.sse.ServeHTTP(&patient{ResponseWriter: w}, r)
}

// Publish leaves the event out: the protocol has none.
func (h *hub) Publish(namespace, _, data []byte) error {
	text, err := json.Marshal(string(data))
	if err != nil {
		return err
	}
	_, err = h.node.Publish(string(namespace), text)
	return err
}

// patient lets the first flush pass, which would send the head alone. The second sends the reply to
// connect, which is written when the subscription is made.
type patient struct {
	http.ResponseWriter
	flushed bool
}

// FlushError implements what [http.ResponseController] looks for.
func (p *patient) FlushError() error {
	if !p.flushed {
		p.flushed = true
		return nil
	}
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Unwrap gives [http.ResponseController] the rest.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
