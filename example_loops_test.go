package ssed_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/ssed/ssed"
)

// LoopStats shows whether the subscribers are spread evenly over the event loops.
func ExampleServer_LoopStats() {
	server, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}})
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
	for number, stats := range loops {
		fmt.Printf("loop %d: %d subscribers\n", number, stats.Subscribers)
	}
	conns, err := server.Subscribers(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the first one is on loop", conns[0].Loop)
	// Output:
	// loop 0: 1 subscribers
	// the first one is on loop 0
}
