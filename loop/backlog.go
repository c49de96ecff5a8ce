package loop

import "time"

// backlog holds the connections whose sockets are full, and the bytes that are kept for individual
// subscribers outside their streams.
//
//	send: EAGAIN ─► await ─► blocked ─► watch: writable ─► woken ─► pumpWoken ─► waiter.writable
//
// A connection is in blocked under a number, not under its descriptor. If the connection is closed
// before its event arrives, the number is not found and the event has no effect, even if the
// descriptor has been reused.
type backlog struct {
	watch      *watch             // reports sockets that have drained
	blocked    map[uint32]waiting // by number
	numbers    *numbers
	woken      []uint32 // numbers of drained sockets that pumpWoken has not handled yet
	wokenSpare []uint32 // the buffer behind woken, for reuse
	prefixes   prefixes
}

// A waiter is a connection whose socket is full: a subscriber or a publisher.
type waiter interface {
	// writable is called when the socket accepts more. It removes the waiter from backlog.blocked.
	writable(l *Loop)
}

// waiting is an entry of backlog.blocked.
type waiting struct {
	waiter
	unsent int // bytes in the socket's buffer when checkStall last looked
}

// await adds w to backlog.blocked and watches fd, so that w.writable is called when fd accepts
// more. number is the number that w had before, or 0. watched reports whether fd was registered
// with the watch before. await returns the number under which w is now registered.
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

// nextNumber returns a number that no blocked connection has.
func (b *backlog) nextNumber() uint32 {
	for {
		number := b.numbers.nextConnection()
		if _, taken := b.blocked[number]; !taken {
			return number
		}
	}
}

// pumpWoken continues with the connections whose sockets have drained, and then with queued
// replays, within the budget of this turn. The rest waits for the next turn.
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
