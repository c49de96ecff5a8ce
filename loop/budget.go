package loop

import "time"

const (
	// turnWritesMax and turnTimeMax limit how much the loop writes before it looks at its sockets
	// again. Time counts too, because a write takes from 4 to 100 microseconds, depending on its
	// size. The limits matter for accepting: gnet accepts one connection each time that it looks at
	// its sockets.
	turnWritesMax = 1024
	turnTimeMax   = 2 * time.Millisecond
	// clockWrites is the number of writes between two checks of the clock.
	clockWrites = 16
)

// A budget is the number of writes and the time that are left in this turn of the loop.
type budget struct {
	writes int
	until  time.Time
}

// renew starts the budget of a turn at the time now.
func (b *budget) renew(now time.Time) { *b = budget{turnWritesMax, now.Add(turnTimeMax)} }

// lift allows the given number of writes, without a time limit. Use it while memory must be freed.
func (b *budget) lift(writes int) { *b = budget{writes, time.Now().Add(time.Hour)} }

// spend takes one write from the budget, and reports whether there was one. A renewed budget allows
// at least clockWrites writes, so there is progress on a machine of any speed.
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
