package sse_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ssed/ssed/sse"
)

// A message with a key can be published again safely if the server has a store. The store
// recognizes the key and does not publish the message twice.
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

// Publishers may not use the names of the server's own events.
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
