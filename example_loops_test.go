package ssed_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/publish/evioserver"
	"github.com/ssed/ssed/sse"
)

// Two event loops use two cores for subscribers. LoopStats shows whether the subscribers are spread
// evenly.
func ExampleServer_LoopStats() {
	server, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}, Loops: 2})
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	<-server.Ready()
	defer server.Shutdown(context.Background())

	response, err := http.Get("http://" + server.ListenAddrs()[0].String() + "/subscribe/pets")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()

	loops, err := server.LoopStats(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	subscribers := 0
	for number, stats := range loops {
		log.Printf("loop %d: %d subscribers", number, stats.Subscribers)
		subscribers += stats.Subscribers
	}
	fmt.Println("loops:", len(loops), "subscribers:", subscribers)
	conns, err := server.Subscribers(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("its loop has it:", loops[conns[0].Loop].Subscribers == 1)
	// Output:
	// loops: 2 subscribers: 1
	// its loop has it: true
}

// With several event loops, publishers have a loop of their own. It passes each message to all
// loops in the same order. It is shut down before the server, so that the server delivers every
// message that was answered OK.
func ExampleServer_Publishers_severalLoops() {
	server, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}, Loops: 2})
	if err != nil {
		log.Fatal(err)
	}
	sink, session := server.Publishers()
	publishers := evioserver.New(evioserver.Options{
		Listen:  []string{"tcp://127.0.0.1:0"},
		Sink:    sink,
		Session: session,
	})
	served := make(chan error, 2)
	go func() { served <- server.Serve() }()
	<-server.Ready()
	go func() { served <- publishers.Serve() }()
	<-publishers.Ready()

	ctx := context.Background()
	client, err := publish.Dial(ctx, "tcp://"+publishers.Addrs()[0].String())
	if err != nil {
		log.Fatal(err)
	}
	number, err := client.Publish(ctx, sse.Message{Namespace: "/pets/dogs", Event: "new-dog", Data: []byte("Corgi")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("published as message", number)
	client.Close()

	fmt.Println(publishers.Shutdown(ctx), server.Shutdown(ctx))
	fmt.Println(<-served, <-served)
	// Output:
	// published as message 1
	// <nil> <nil>
	// <nil> <nil>
}
