package sse_test

import (
	"fmt"

	"github.com/ssed/ssed/sse"
)

// Any number of readers share one stream: each is a cursor, and what lies before the
// last of them is given back.
func ExampleStream() {
	var pool sse.Pool
	stream := sse.NewStream(&pool)
	var fast, slow sse.Cursor
	stream.Join(&fast)
	stream.Join(&slow)

	frame := sse.AppendFrame(nil, nil, []byte("one"))
	if stream.Cost(len(frame)) <= sse.SegmentBytesMax { // of memory, if this is appended
		stream.Append(frame)
	}
	for _, c := range []*sse.Cursor{&fast, &slow} {
		for {
			pending := stream.Pending(c)
			if len(pending) == 0 {
				break
			}
			taken := len(pending) // what a socket takes of it; a part will do
			if c == &slow {
				taken = 4
			}
			stream.Advance(c, taken)
			if taken < len(pending) {
				break
			}
		}
		fmt.Println("has read", stream.Read(c), "of", stream.Messages(), "and is", stream.Lag(c), "bytes behind")
	}

	stream.Append(sse.AppendFrame(nil, nil, []byte("two")))
	stream.Append(sse.AppendFrame(nil, nil, []byte("three")))
	rest, passed := stream.Skip(&slow, nil) // to the newest message, when it lags too far
	fmt.Printf("%d passed over, but first comes the rest of %q\n", passed, rest)
	fmt.Println(stream.Retained() > 0, pool.Retained() > 0, stream.End())

	stream.Leave(&slow)
	stream.Advance(&fast, len(stream.Pending(&fast)))
	stream.Rewind()  // nobody lags: its memory is used again
	stream.Release() // or given back, where a stream is quiet
	fmt.Println(stream.Retained(), "bytes are held")
	stream.Leave(&fast)
	stream.Discard()
	// Output:
	// has read 1 of 1 and is 0 bytes behind
	// has read 0 of 1 and is 6 bytes behind
	// 1 passed over, but first comes the rest of ":one\n\n"
	// true true 32
	// 0 bytes are held
}
