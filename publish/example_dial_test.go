package publish_test

import (
	"context"
	"log"
	"os"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// ExampleDialRetry publishes one message. docs/publishing.md shows it as a whole program.
func ExampleDialRetry() {
	ctx := context.Background()
	client, err := publish.DialRetry(ctx, "tcp://127.0.0.1:8002", publish.RetryOptions{Token: os.Getenv("SSED_TOKEN")})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	dog := sse.Message{Namespace: "/pets/dogs", Event: "new-dog", Data: []byte("Corgi")}
	if _, err := client.Publish(ctx, dog); err != nil {
		log.Print(err)
	}
}
