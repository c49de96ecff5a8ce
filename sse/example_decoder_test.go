package sse_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ssed/ssed/sse"
)

// A Decoder accepts the stream in pieces that may end anywhere. Package subscribe uses it over
// HTTP, and reconnects when the stream breaks.
func ExampleDecoder() {
	decoder := sse.Decoder{BytesMax: sse.DecoderBytesMax}
	decoder.ResumeFrom("k3x9-40") // the id of the request, until the stream has a newer one
	for _, piece := range []string{"retry:2500\n\nid:k3x9-41\nevent:new-d", "og\ndata:Corgi\ndata:brown\n", "\ndata:cut off"} {
		_, err := decoder.Feed([]byte(piece), func(e sse.Event) error {
			fmt.Printf("%s %q, id %q (%v)\n", e.Name, e.Data, e.ID, e.HasID)
			return nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	wait, ok := decoder.Retry()
	fmt.Println("reconnect after", wait, ok, "with", decoder.LastEventID())
	// Output:
	// new-dog "Corgi\nbrown", id "k3x9-41" (true)
	// reconnect after 2500 true with k3x9-41
}

// A Decoder limits how much memory a stream can use.
func ExampleTooLongError() {
	decoder := sse.Decoder{BytesMax: 1000}
	_, err := decoder.Feed([]byte("data:"+strings.Repeat("x", 2000)), func(sse.Event) error { return nil })
	var tooLong *sse.TooLongError
	if errors.As(err, &tooLong) {
		fmt.Println(tooLong.What, tooLong.BytesMax)
	}
	// Output: line 1000
}
