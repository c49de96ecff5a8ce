package loop

import "time"

const (
	// turnWritesMax and turnTimeMax bound what the loop writes before it looks at
	// its sockets again. The time counts, too, since a write takes 4 microseconds
	// or 100, by how much it carries; and gnet accepts one connection each time that
	// it looks.
	turnWritesMax = 1024
	turnTimeMax   = 2 * time.Millisecond
	// clockWrites is how many writes are made between two looks at the clock.
	clockWrites = 16
)

// A budget is what one turn of the loop may still write.
type budget struct {
	writes int
	until  time.Time
}

// renew begins a turn at the time of now.
func (b *budget) renew(now time.Time) { *b = budget{turnWritesMax, now.Add(turnTimeMax)} }

// lift is for when there is no choice.
func (b *budget) lift(writes int) { *b = budget{writes, time.Now().Add(time.Hour)} }

// spend tells whether one more write may be made. At least clockWrites may, so
// that the work goes on however slow the machine is.
func (b *budget) spend() bool {
	if b.writes == 0 {
		return false
	}
	b.writes--
	if b.writes%clockWrites == 0 && time.Now().After(b.until) {
		b.writes = 0
	}
	return true
}
