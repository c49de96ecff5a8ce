package history_test

import (
	"fmt"

	"github.com/ssed/ssed/internal/history"
	"github.com/ssed/ssed/sse"
)

// A history keeps the newest messages of each namespace, with one bound for all of them. The caller
// chooses the unit of time. In this example, the time is the number of the message.
func ExampleHistory() {
	kept := history.New(1<<20, func(namespace string) history.Retention {
		if namespace == "/typing" {
			return history.Retention{}
		}
		return history.Retention{Messages: 2, Age: 100}
	})
	for i, namespace := range []string{"/pets/dogs", "/typing", "/pets/dogs", "/pets/cats", "/pets/dogs"} {
		seq := uint64(i + 1)
		if kept.Keeps([]byte(namespace)) {
			kept.Add([]byte(namespace), sse.AppendFrame(nil, nil, fmt.Append(nil, seq)), seq, uint32(seq))
		}
	}
	fmt.Println(kept.Messages(), "are kept,", kept.Bytes() > 0)

	// A subscriber of /pets asks for all messages after number 0.
	set, after, until, now := []string{"/pets"}, uint64(0), uint64(5), uint32(5)
	oldest, _ := kept.Oldest(set, after)
	fmt.Println("lost up to", kept.Lost(set, after, now), "kept from", oldest)
	kept.Mark(until) // from now on, LostSince reports messages that the replay loses
	var ends []sse.FrameEnd
	frames, ends := kept.Read(nil, ends, set, after, until, 64<<10)
	for i, begin := 0, 0; i < len(ends); i++ {
		fmt.Printf("%d %q\n", ends[i].Seq, frames[begin:ends[i].Offset])
		begin = ends[i].Offset
	}
	fmt.Println("lost during the replay:", kept.LostSince(set, until, now))

	// Another subscriber asks for the last message, or for all since the time 4.
	fmt.Println(kept.BeforeLast(set, 1, now), kept.Since(set, 4, until, now))

	kept.Sweep(200, 10) // all messages exceed their age limit now
	fmt.Println(kept.Messages(), "are kept")
	// Output:
	// 3 are kept, true
	// lost up to 1 kept from 3
	// 3 "data:3\n\n"
	// 4 "data:4\n\n"
	// 5 "data:5\n\n"
	// lost during the replay: 0
	// 4 3
	// 0 are kept
}

// A history that begins with message 42 reports that older messages may be missing.
func ExampleHistory_Raise() {
	kept := history.New(1<<20, func(string) history.Retention { return history.Retention{Messages: 100} })
	kept.Raise(41)
	kept.Add([]byte("/x"), []byte("id:e-42\ndata:x\n\n"), 42, 0)
	fmt.Println(kept.Lost([]string{"/x"}, 40, 0), kept.Lost([]string{"/x"}, 41, 0))
	// Output: 41 0
}

// Two readers have positions of their own. The History keeps the messages that the slower one has
// not passed, although the retention is one message.
func ExampleHistory_Settle() {
	kept := history.New(1<<20, func(string) history.Retention { return history.Retention{Messages: 1} })
	kept.HoldAll()
	for seq := range uint64(5) {
		kept.Add([]byte("/prices"), []byte("data:x\n\n"), seq+1, 0)
	}
	kept.Settle(min(5, 3)) // one reader has passed message 5, and one message 3
	fmt.Println(kept.Messages(), "messages; lost up to", kept.Lost([]string{"/prices"}, 0, 0))
	kept.Settle(5)
	fmt.Println(kept.Messages(), "message; lost up to", kept.Lost([]string{"/prices"}, 0, 0))
	// Output:
	// 2 messages; lost up to 3
	// 1 message; lost up to 4
}
