package ledger

import (
	"fmt"
	"sync/atomic"
)

// A Counter checks a raw stream whose messages are numbered consecutively and have no ids. One
// goroutine calls Message and Miss. Any goroutine may call Next.
type Counter struct {
	next     atomic.Int64
	Messages int // received messages
	Gaps     int // received gap events
}

// Next returns the number that the next message must have.
func (c *Counter) Next() int { return int(c.next.Load()) }

// SkipTo sets the next number, for a stream that does not begin with 0.
func (c *Counter) SkipTo(number int) { c.next.Store(int64(number)) }

// Message checks the number of a received message. It returns an error if it is not the next
// number.
func (c *Counter) Message(number int) error {
	c.Messages++
	switch next := c.Next(); {
	case number > next:
		return fmt.Errorf("lost: message %d arrived, but message %d is missing", number, next)
	case number < next:
		return fmt.Errorf("repeated or reordered: message %d arrived, but message %d was expected", number, next)
	}
	c.next.Add(1)
	return nil
}

// Miss counts a gap event, which reports how many messages are missing.
func (c *Counter) Miss(messages int) {
	c.Gaps++
	c.next.Add(int64(messages))
}
