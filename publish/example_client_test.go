package publish_test

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A long-running program that uses a Client dials again when the connection fails. The code of a
// ReplyError shows whether the message is invalid or should be sent again later.
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
				return // this program closed the client
			}
			if err != nil && !answered(err) {
				break // the connection has failed
			}
			log.Print("number ", sequence, " ", err)
		}
		client.Close()
	}
}

// answered reports whether err is a reply of the server, and handles it. After a refusal the
// connection remains usable.
func answered(err error) bool {
	var refusal *publish.ReplyError
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Code {
	case publish.CodeBusy:
		time.Sleep(time.Second) // the server is stopping or full
	case publish.CodeAuth:
		log.Print("not authorized: ", refusal.Words)
	case publish.CodeNamespace, publish.CodeEvent, publish.CodeUTF8, publish.CodeTooLong, publish.CodeSyntax:
		log.Print("invalid message: ", refusal.Words)
	}
	return true
}
