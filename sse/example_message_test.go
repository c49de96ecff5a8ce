package sse_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ssed/ssed/sse"
)

// A key makes it harmless to publish a message again where the server has a store:
// it is then known, and not published twice.
func ExampleCheckKey() {
	paid := sse.Message{Namespace: "/orders", Event: "paid", Data: []byte("4711"), Key: "order-4711-paid"}
	fmt.Println(sse.CheckKey(paid.Key))
	for _, key := range []string{"two words", strings.Repeat("k", sse.KeyBytesMax+1)} {
		fmt.Println(errors.Is(sse.CheckKey(key), sse.ErrKey))
	}
	// Output:
	// <nil>
	// true
	// true
}

// The server's own events have names that publishers may not use.
func ExampleReservedEvents_Check() {
	reserved := sse.ReservedEvents{{Name: sse.DefaultGapEvent, Flag: "--gap-event"}}
	for _, event := range []string{"new-dog", "gap"} {
		err := reserved.Check([]byte(event))
		fmt.Println(event, errors.Is(err, sse.ErrReserved))
	}
	renamed := sse.ReservedEvent{Name: "missed", Flag: "--gap-event"}
	fmt.Println(sse.ReservedEvents{renamed}.Check([]byte("gap")))
	// Output:
	// new-dog false
	// gap true
	// <nil>
}
