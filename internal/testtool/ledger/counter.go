package ledger

import (
	"fmt"
	"sync/atomic"
)

// A Counter follows a raw stream whose messages are numbered one by one and carry no ids.
// One goroutine calls Message and Miss; any may call Next.
type Counter struct {
	next     atomic.Int64
	Messages int // that came
	Gaps     int // gap events that came
}

// Next returns the number that the next message must have.
func (c *Counter) Next() int { return int(c.next.Load()) }

// SkipTo makes number the next one, for a stream that does not begin with 0.
func (c *Counter) SkipTo(number int) { c.next.Store(int64(number)) }

// Message takes the number of a message, and returns an error if it is not the next one.
func (c *Counter) Message(number int) error {
	c.Messages++
	switch next := c.Next(); {
	case number > next:
		return fmt.Errorf("lost: message %d came, and message %d is missing", number, next)
	case number < next:
		return fmt.Errorf("repeated or reordered: message %d came, and message %d is the next one", number, next)
	}
	c.next.Add(1)
	return nil
}

// Miss takes a gap event, which says how many messages do not come.
func (c *Counter) Miss(messages int) {
	c.Gaps++
	c.next.Add(int64(messages))
}
