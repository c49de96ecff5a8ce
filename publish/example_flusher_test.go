package publish_test

import (
	"fmt"

	"github.com/ssed/ssed/publish"
)

// A journal collects messages, and writes them together.
type journal struct {
	sequence uint64
	lines    []string
}

func (j *journal) Publish(namespace, event, data []byte) (uint64, error) {
	j.sequence++
	j.lines = append(j.lines, string(namespace)+" "+string(data))
	return j.sequence, nil
}

func (j *journal) Flush() {
	if len(j.lines) > 0 {
		fmt.Printf("one write with %d messages: %q\n", len(j.lines), j.lines)
		j.lines = j.lines[:0]
	}
}

// A Sink that collects messages implements Flusher. The session flushes it before the replies are
// sent.
func ExampleFlusher() {
	var sink publish.Flusher = &journal{}
	session := publish.NewSession(&publish.Config{DataBytesMax: 1000})
	replies, _ := session.Feed([]byte("PUB /pets - Corgi\nPUB /pets - Poodle\n"), sink, nil)
	fmt.Printf("%q\n", replies)
	// Output:
	// one write with 2 messages: ["/pets Corgi" "/pets Poodle"]
	// "OK 1\nOK 2\n"
}
