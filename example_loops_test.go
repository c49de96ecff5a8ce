package ssed_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/ssed/ssed"
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
