package publish_test

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A long-running program that continues to publish after restarts of the server. While the server
// is down, Publish waits.
func ExampleRetryClient() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	client, err := publish.DialRetry(ctx, "unix:///run/ssed/publish.sock", publish.RetryOptions{
		Token: "writer-token",
		Lost: func(l publish.Loss) {
			log.Printf("attempt %d failed: %v; next attempt in %v", l.Failures, l.Err, l.Wait)
		},
		Resent: func(r publish.Resent) {
			log.Printf("reconnected; %d messages were sent again, %d may be published twice", r.Messages, r.Doubtful)
		},
	})
	cancel()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ticks := time.Tick(time.Second)
	for {
		select {
		case now := <-ticks:
			m := sse.Message{Namespace: "/time", Data: []byte(now.Format(time.TimeOnly))}
			_, err := client.Publish(context.Background(), m)
			var refusal *publish.ReplyError
			if errors.As(err, &refusal) {
				log.Print("message refused: ", refusal.Words)
			}
		case <-client.Done():
			log.Fatal(client.Flush(context.Background())) // the server no longer accepts the token
		}
	}
}

// One goroutine keeps many messages in flight, and waits for all replies with Flush.
func ExampleRetryClient_PublishAsync() {
	client, err := publish.DialRetry(context.Background(), "tcp://127.0.0.1:8002", publish.RetryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, dog := range []string{"Corgi", "Terrier", "Poodle"} {
		m := sse.Message{Namespace: "/pets/dogs", Event: "new-dog", Data: []byte(dog)}
		err := client.PublishAsync(context.Background(), m, func(sequence uint64, err error) {
			log.Print(dog, " is number ", sequence, ", ", err)
		})
		if err != nil {
			log.Print(err) // the message was not sent
		}
	}
	if err := client.Flush(context.Background()); err != nil { // waits for all three
		log.Print(err)
	}
	client.Close()
}
