package stream_test

import (
	"fmt"

	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/sse"
)

// Any number of readers share one stream: each is a cursor, and what lies before the
// last of them is given back.
func ExampleStream() {
	var pool stream.Pool
	shared := stream.NewStream(&pool)
	var fast, slow stream.Cursor
	shared.Join(&fast)
	shared.Join(&slow)

	frame := sse.AppendFrame(nil, nil, []byte("one"))
	if shared.Cost(len(frame)) <= stream.SegmentBytesMax { // of memory, if this is appended
		shared.Append(frame)
	}
	for _, c := range []*stream.Cursor{&fast, &slow} {
		for {
			pending := shared.Pending(c)
			if len(pending) == 0 {
				break
			}
			taken := len(pending) // what a socket takes of it; a part will do
			if c == &slow {
				taken = 4
			}
			shared.Advance(c, taken)
			if taken < len(pending) {
				break
			}
		}
		fmt.Println("has read", shared.Read(c), "of", shared.Messages(), "and is", shared.Lag(c), "bytes behind")
	}

	shared.Append(sse.AppendFrame(nil, nil, []byte("two")))
	shared.Append(sse.AppendFrame(nil, nil, []byte("three")))
	rest, passed := shared.Skip(&slow, nil) // to the newest message, when it lags too far
	fmt.Printf("%d passed over, but first comes the rest of %q\n", passed, rest)
	fmt.Println(shared.Retained() > 0, pool.Retained() > 0, shared.End())

	shared.Leave(&slow)
	shared.Advance(&fast, len(shared.Pending(&fast)))
	shared.Rewind()  // nobody lags: its memory is used again
	shared.Release() // or given back, where a stream is quiet
	fmt.Println(shared.Retained(), "bytes are held")
	shared.Leave(&fast)
	shared.Discard()
	// Output:
	// has read 1 of 1 and is 0 bytes behind
	// has read 0 of 1 and is 6 bytes behind
	// 1 passed over, but first comes the rest of ":one\n\n"
	// true true 32
	// 0 bytes are held
}
