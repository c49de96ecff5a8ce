package loop

import "time"

// backlog is the connections whose sockets are full, and the bytes that are held for
// subscribers besides their streams.
type backlog struct {
	watch      *watch // reports sockets that have drained
	blocked    map[uint32]waiting
	number     uint32   // the last number given to a waiter
	woken      []uint32 // numbers of waiters whose sockets have drained and that are still to be pumped
	wokenSpare []uint32
	prefixes   prefixes
}

// A waiter is a connection whose socket is full.
type waiter interface {
	// writable is called when its socket can take more.
	writable(l *Loop)
}

// waiting is a waiter while it waits.
type waiting struct {
	waiter
	unsent int // bytes that its socket held when checkStall last looked
}

// await has w called when fd can take more. watched tells whether fd was
// registered before. number is what w was known by, 0 if by none. It returns the
// number that w stands under in backlog.blocked.
func (b *backlog) await(w waiter, fd int, number uint32, watched bool) (uint32, error) {
	if _, taken := b.blocked[number]; taken || number == 0 {
		number = b.nextNumber()
	}
	var err error
	if watched {
		err = b.watch.again(fd, number)
	} else {
		err = b.watch.add(fd, number)
	}
	if err == nil {
		b.blocked[number] = waiting{waiter: w}
	}
	return number, err
}

// nextNumber finds a number that no waiter has. They begin anew after four
// billion; 0 is nobody's.
func (b *backlog) nextNumber() uint32 {
	for {
		b.number++
		if _, taken := b.blocked[b.number]; b.number != 0 && !taken {
			return b.number
		}
	}
}

// pumpWoken goes on with those whose sockets have drained, as far as this turn's
// budget goes. The rest wait for the next one.
func (l *Loop) pumpWoken() {
	if len(l.woken) == 0 {
		l.wokenSpare = l.watch.appendReady(l.wokenSpare[:0])
		l.woken = l.wokenSpare
	}
	l.budget.renew(time.Now())
	for len(l.woken) > 0 && l.budget.spend() {
		if w, ok := l.blocked[l.woken[0]]; ok {
			w.writable(l)
		}
		l.woken = l.woken[1:]
	}
	l.replays.pump(l)
	if len(l.woken) > 0 || len(l.replays.queue) > 0 {
		l.wakeup.notify()
	}
}
