package ssed_test

import (
	"context"
	"log"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/publish/evioserver"
)

// A clock publishes the time to the namespace /time, once a second. Watch it with
//
//	curl -N http://localhost:8001/subscribe/time
func Example_clock() {
	server, err := ssed.New(ssed.Options{Listen: []string{":8001"}})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for now := range time.Tick(time.Second) {
			err := server.Publish(context.Background(), ssed.Message{
				Namespace: "/time",
				Data:      []byte(now.Format("3:04:05 pm (MST)")),
			})
			if err != nil {
				return // the server is stopping
			}
		}
	}()
	log.Fatal(server.Serve())
}

// A pet store publishes named events to namespaces below /pets. It also accepts messages of other
// programs on port 8002. A subscription to /pets receives the events of dogs and of cats:
//
//	curl -N http://localhost:8001/subscribe/pets
//	printf 'PUB /pets/dogs new-dog Corgi\n' | nc -q1 127.0.0.1 8002
func Example_petStore() {
	server, err := ssed.New(ssed.Options{
		Listen:  []string{":8001"},
		Publish: []string{"tcp://127.0.0.1:8002"},
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		<-server.Ready()
		for _, pet := range []ssed.Message{
			{Namespace: "/pets/dogs", Event: "new-dog", Data: []byte("Corgi")},
			{Namespace: "/pets/cats", Event: "new-cat", Data: []byte("Persian")},
			{Namespace: "/pets/dogs", Event: "new-dog", Data: []byte("Terrier")},
		} {
			if err := server.Publish(context.Background(), pet); err != nil {
				log.Print(err)
			}
		}
	}()
	log.Fatal(server.Serve())
}

// Shutdown delivers the accepted messages before it closes the connections.
func ExampleServer_Shutdown() {
	server, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.Serve() }()
	<-server.Ready()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // Drain is 5 s
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Print("closed before everything was delivered: ", err)
	}
	if err := <-served; err != nil {
		log.Fatal(err)
	}
	// Output:
}

// Other programs publish with lines of text. Package publish is a Go client for them. On a machine
// with idle cores, publishers can have their own event loop, from package evioserver, which
// publishes to the server's sink.
func ExampleServer_Publishers() {
	server, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		log.Fatal(err)
	}
	sink, session := server.Publishers() // the session has the server's tokens and limits
	publishers := evioserver.New(evioserver.Options{
		Listen:  []string{"tcp://127.0.0.1:8002"},
		Sink:    sink,
		Session: session,
	})
	go func() { log.Fatal(publishers.Serve()) }()
	log.Fatal(server.Serve())
}

// Port 0 selects any free port, for tests and for several servers in one process.
func ExampleServer_ListenAddrs() {
	server, err := ssed.New(ssed.Options{
		Listen:  []string{"127.0.0.1:0", "[::1]:0"},
		Publish: []string{"tcp://127.0.0.1:0"},
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		<-server.Ready()
		log.Print("subscribe at ", server.ListenAddrs(), ", publish at ", server.PublishAddrs())
	}()
	log.Fatal(server.Serve())
}
