package stream_test

import (
	"fmt"

	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/sse"
)

// Any number of readers share one stream, each with a cursor. A segment's memory is freed once the
// last reader has read it.
func ExampleStream() {
	var pool stream.Pool
	shared := stream.New(&pool)
	var fast, slow stream.Cursor
	shared.Join(&fast)
	shared.Join(&slow)

	frame := sse.AppendFrame(nil, nil, []byte("one"))
	if shared.Cost(len(frame)) <= stream.SegmentBytesMax { // memory that Append may add
		shared.Append(frame)
	}
	for _, c := range []*stream.Cursor{&fast, &slow} {
		for {
			pending := shared.Pending(c)
			if len(pending) == 0 {
				break
			}
			written := len(pending) // how many bytes a socket accepts, possibly not all
			if c == &slow {
				written = 4
			}
			shared.Advance(c, written)
			if written < len(pending) {
				break
			}
		}
		fmt.Println("has read", shared.Read(c), "of", shared.Messages(), "and is", shared.Lag(c), "bytes behind")
	}

	shared.Append(sse.AppendFrame(nil, nil, []byte("two")))
	shared.Append(sse.AppendFrame(nil, nil, []byte("three")))
	rest, passed := shared.Skip(&slow, nil) // it lags too far: continue with the newest message
	fmt.Printf("%d skipped, after the rest of the frame: %q\n", passed, rest)
	fmt.Println("holds memory:", pool.Retained() > 0)

	shared.Leave(&slow)
	shared.Advance(&fast, len(shared.Pending(&fast)))
	shared.Rewind()  // no cursor lags: reuse the memory
	shared.Release() // or free it, if the stream is quiet
	fmt.Println("holds", pool.Retained(), "bytes")
	shared.Leave(&fast)
	shared.Discard()
	// Output:
	// has read 1 of 1 and is 0 bytes behind
	// has read 0 of 1 and is 6 bytes behind
	// 1 skipped, after the rest of the frame: ":one\n\n"
	// holds memory: true
	// holds 0 bytes
}
