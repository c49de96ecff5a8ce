package publish_test

import (
	"errors"
	"fmt"

	"github.com/ssed/ssed/publish"
)

// A store answers later, and knows messages again by their keys.
type store struct {
	sequences map[string]uint64 // of each key
	pending   []uint64
	newest    uint64
}

func (s *store) Publish(namespace, event, data []byte) (uint64, error) {
	s.newest++
	s.pending = append(s.pending, s.newest)
	return 0, publish.ErrPending
}

func (s *store) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	if known := s.sequences[string(key)]; known > 0 {
		return known, nil
	}
	s.sequences[string(key)] = s.newest + 1
	return s.Publish(namespace, event, data)
}

// Settle is for a loop that may wait: evioserver's does.
func (s *store) Settle(to *publish.Replies) {
	for _, sequence := range s.pending {
		to.Settle(sequence, nil)
	}
	s.pending = nil
}

var (
	_ publish.KeyedSink = (*store)(nil)
	_ publish.Settler   = (*store)(nil)
)

// Where the sink answers later, replies wait for each other, so that they stay in
// order.
func ExampleReplies() {
	sink := &store{sequences: map[string]uint64{}}
	session := publish.NewSession(&publish.Config{})
	var replies publish.Replies
	out, _ := session.Feed([]byte("KEY order-7\nPUB /orders - 7\nPING\nPUB /orders - 8\nKEY order-9\nPUB /orders - 9\n"), sink, nil)
	fmt.Println(session.Pending(), "are still to come")
	replies.Add(session, out)

	fmt.Printf("%s", replies.Take(nil)) // what may be sent already
	replies.Settle(1, nil)
	replies.Settle(0, errors.Join(publish.ErrBusy))
	fmt.Println("--", replies.Waiting(), "waits")
	fmt.Printf("%s", replies.Take(nil))
	replies.Settle(2, nil)
	fmt.Printf("-- the last\n%s", replies.Take(nil))
	// Output:
	// 3 are still to come
	// OK
	// -- 1 waits
	// OK 1
	// PONG
	// ERR busy busy
	// OK
	// -- the last
	// OK 2
}
