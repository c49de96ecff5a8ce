package sse_test

import (
	"fmt"

	"github.com/ssed/ssed/sse"
)

// A history keeps the newest messages of each namespace, under one bound for all. Time
// is the caller's: here it is the message's number.
func ExampleHistory() {
	history := sse.NewHistory(1<<20, func(namespace string) sse.Retention {
		if namespace == "/typing" {
			return sse.Retention{}
		}
		return sse.Retention{Messages: 2, Age: 100}
	})
	for i, namespace := range []string{"/pets/dogs", "/typing", "/pets/dogs", "/pets/cats", "/pets/dogs"} {
		seq := uint64(i + 1)
		if history.Keeps([]byte(namespace)) {
			history.Add([]byte(namespace), sse.AppendFrame(nil, nil, fmt.Append(nil, seq)), seq, uint32(seq))
		}
	}
	fmt.Println(history.Messages(), "are kept,", history.Bytes() > 0)

	// Somebody comes back for /pets and has everything up to message 0.
	set, after, until, now := []string{"/pets"}, uint64(0), uint64(5), uint32(5)
	oldest, _ := history.Oldest(set, after)
	fmt.Println("lost up to", history.Lost(set, after, now), "kept from", oldest)
	history.Mark(until) // from here on, what is lost of it is told by LostSince
	var ends []sse.FrameEnd
	frames, ends := history.Read(nil, ends, set, after, until, 64<<10)
	for i, begin := 0, 0; i < len(ends); i++ {
		fmt.Printf("%d %q\n", ends[i].Seq, frames[begin:ends[i].Offset])
		begin = ends[i].Offset
	}
	fmt.Println("lost meanwhile:", history.LostSince(set, until, now))

	// A newcomer wants the last one, or what was since the time 4.
	fmt.Println(history.Before(set, 1, now), history.Since(set, 4, until, now))

	history.Sweep(200, 10) // everything is too old now
	fmt.Println(history.Messages(), "are kept")
	// Output:
	// 3 are kept, true
	// lost up to 1 kept from 3
	// 3 "data:3\n\n"
	// 4 "data:4\n\n"
	// 5 "data:5\n\n"
	// lost meanwhile: 0
	// 4 3
	// 0 are kept
}
