package publish_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// printer is a Sink that prints its messages.
type printer struct{ sequence uint64 }

func (p *printer) Publish(namespace, event, data []byte) (uint64, error) {
	fmt.Printf("%s %s: %s\n", namespace, event, data)
	p.sequence++
	return p.sequence, nil
}

// A session needs no connection: bytes go in and replies come out.
func ExampleSession() {
	session := publish.NewSession(&publish.Config{})
	in := []byte("PUB /pets/dogs new-dog Corgi\nPING\nPUB /pets half a li")
	replies, _ := session.Feed(in, &printer{}, nil)
	fmt.Printf("%s", replies)
	// Output:
	// /pets/dogs new-dog: Corgi
	// OK 1
	// PONG
}

// A message with a key can be sent again after the connection failed before its reply: a server
// with a store publishes it only once.
func ExampleClient_Publish_key() {
	paid := sse.Message{Namespace: "/orders", Event: "paid", Data: []byte("4711"), Key: "order-4711-paid"}
	ctx := context.Background()
	for range 3 {
		client, err := publish.Dial(ctx, "tcp://127.0.0.1:8002")
		if err != nil {
			log.Fatal(err)
		}
		sequence, err := client.Publish(ctx, paid)
		client.Close()
		if err == nil {
			fmt.Println("published as", sequence)
			return
		}
		log.Print(err)
	}
}

// One goroutine keeps many messages in flight, and waits for all replies with Ping.
func ExampleClient_PublishAsync() {
	ctx := context.Background()
	client, err := publish.Dial(ctx, "tcp://127.0.0.1:8002")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for _, dog := range []string{"Corgi", "Beagle", "Dachshund"} {
		m := sse.Message{Namespace: "/pets/dogs", Event: "new-dog", Data: []byte(dog)}
		err := client.PublishAsync(ctx, m, func(sequence uint64, err error) {
			if err != nil {
				log.Printf("%s: %v", dog, err)
			}
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := client.Ping(ctx); err != nil {
		log.Fatal(err)
	}
}
