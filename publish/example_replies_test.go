package publish_test

import (
	"fmt"

	"github.com/ssed/ssed/publish"
)

// A slowStore is a Sink that answers later, and recognizes repeated messages by their keys.
type slowStore struct {
	waiting []string
	numbers map[string]uint64
}

func (s *slowStore) Publish(namespace, event, data []byte) (uint64, error) {
	return s.PublishKeyed(data, namespace, event, data)
}

func (s *slowStore) PublishKeyed(key, _, _, _ []byte) (uint64, error) {
	s.waiting = append(s.waiting, string(key))
	return 0, publish.ErrPending
}

// Settle implements publish.Settler.
func (s *slowStore) Settle(to *publish.Replies) {
	for _, key := range s.waiting {
		if _, again := s.numbers[key]; !again {
			s.numbers[key] = uint64(len(s.numbers) + 1)
		}
		to.Settle(s.numbers[key], nil)
	}
	s.waiting = nil
}

// Replies keep their order while some of them are still open.
func ExampleReplies() {
	store := &slowStore{numbers: map[string]uint64{}}
	var sink publish.Settler = store
	_, keyed := sink.(publish.KeyedSink)
	fmt.Println("supports keys:", keyed)

	session := publish.NewSession(&publish.Config{})
	out, _ := session.Feed([]byte("PING\nPUB /x - a\nKEY k\nPUB /x - b\nKEY k\nPUB /x - b\nPING\n"), sink, nil)
	fmt.Println("pending:", session.Pending())
	var replies publish.Replies
	replies.Add(session, out)
	fmt.Printf("%q, %d open\n", replies.Take(nil), replies.Waiting())
	sink.Settle(&replies)
	fmt.Printf("%q\n", replies.Take(nil))
	// Output:
	// supports keys: true
	// pending: 3
	// "PONG\n", 3 open
	// "OK 1\nOK\nOK 2\nOK\nOK 2\nPONG\n"
}
