package evioserver_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/publish/evioserver"
	"github.com/ssed/ssed/sse"
)

// A counter is a Sink that only counts messages. It is called on the publishers' loop, so it must
// return quickly. The daemon uses the Sink of ssed.Server.Publishers.
type counter struct{ n atomic.Uint64 }

func (c *counter) Publish(namespace, event, data []byte) (uint64, error) { return c.n.Add(1), nil }

// A server for publishers only.
func ExampleServer() {
	var sink counter
	server := evioserver.New(evioserver.Options{
		Listen:        []string{"tcp://127.0.0.1:0"},
		Sink:          &sink,
		Session:       publish.Config{DataBytesMax: 1000},
		PublishersMax: 10,
		ReplyTimeout:  5 * time.Second,
		Logger:        slog.New(slog.DiscardHandler),
	})
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	<-server.Ready()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := publish.Dial(ctx, "tcp://"+server.Addrs()[0].String())
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		sequence, err := client.Publish(ctx, sse.Message{Namespace: "/pets/dogs", Data: []byte("Corgi")})
		fmt.Println(sequence, err)
	}
	connected, turnedAway, closed := server.Counts()
	fmt.Println("connected:", connected, "turned away:", turnedAway, "closed:", closed)
	client.Close()

	fmt.Println(server.Shutdown(ctx), <-served, sink.n.Load())
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
	// connected: 1 turned away: 0 closed: 0
	// <nil> <nil> 3
}
