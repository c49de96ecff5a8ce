package loop

import "sync/atomic"

// Shared is the state that all event loops of one daemon have in common. A daemon has one Shared,
// and New adds each loop to it.
//
// Loops use it when a connection opens, subscribes or closes, when a stream needs memory, for
// replays, and after each buffer of the mailbox. Otherwise, a message on its way from the mailbox
// to the sockets does not touch it.
type Shared struct {
	loops []*Loop // by number; complete before the first one runs
	places
	numbers  numbers
	backlogs []backlogBytes // by the number of the loop
	flow     storeFlow      // for all messages to a Store
	size     int            // how many loops there are
	feed     *feed          // nil with one loop
	window   window         // the window of each loop, if there are several, before its first message
}

// NewShared returns the Shared for a daemon with the given number of loops. All of them must get
// the same opts.
func NewShared(opts *Config, loops int) *Shared {
	s := &Shared{
		loops:    make([]*Loop, 0, loops),
		places:   places{perAddress: newPerAddress(opts.ConnsPerAddressMax)},
		backlogs: make([]backlogBytes, loops),
		size:     loops,
	}
	if loops > 1 {
		s.window = newWindow(opts)
		s.window.shared = newSharedHistory(s.window, opts.HistoryBytesMax, loops)
		s.feed = &feed{history: s.window.shared}
	}
	return s
}

// add adds a loop and returns its number.
func (s *Shared) add(l *Loop) (number int) {
	s.loops = append(s.loops, l)
	if s.feed != nil {
		s.feed.add(l.mailbox)
	}
	return len(s.loops) - 1
}

// wakeAll makes all loops call onWake soon.
func (s *Shared) wakeAll() {
	for _, l := range s.loops {
		l.wakeup.notify()
	}
}

// numbers assigns numbers that no two loops may use twice. All of its methods may be called from
// any goroutine.
type numbers struct {
	connection atomic.Uint32
	audience   atomic.Uint64
}

// nextAudience returns a number that no audience had before.
func (n *numbers) nextAudience() uint64 { return n.audience.Add(1) }

// nextConnection returns a number for a connection. Numbers start again after four billion; 0 is
// never used.
func (n *numbers) nextConnection() uint32 {
	for {
		if number := n.connection.Add(1); number != 0 {
			return number
		}
	}
}
