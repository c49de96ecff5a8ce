package publish_test

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A program that publishes for as long as it lives dials again when the connection
// fails. What is wrong with a message, or must wait, the error's code tells.
func ExampleClient() {
	ctx := context.Background()
	options := []publish.Option{publish.WithToken("writer-token")}
	for {
		client, err := publish.Dial(ctx, "unix:///run/ssed/publish.sock", options...)
		if err != nil {
			log.Print(err)
			time.Sleep(time.Second)
			continue
		}
		for now := range time.Tick(time.Second) {
			sequence, err := client.Publish(ctx, sse.Message{Namespace: "/time", Data: []byte(now.Format(time.TimeOnly))})
			if errors.Is(err, publish.ErrClosed) {
				return // by this program itself
			}
			if err != nil && !answered(err) {
				break // the connection has failed
			}
			log.Print("number ", sequence, " ", err)
		}
		client.Close()
	}
}

// answered tells what a refusal means. The connection is good after one.
func answered(err error) bool {
	var refusal *publish.ReplyError
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Code {
	case publish.CodeBusy:
		time.Sleep(time.Second) // it is stopping, or full
	case publish.CodeAuth:
		log.Print("this token may not: ", refusal.Words)
	case publish.CodeNamespace, publish.CodeEvent, publish.CodeUTF8, publish.CodeTooLong, publish.CodeSyntax:
		log.Print("this message will never do: ", refusal.Words)
	}
	return true
}
