package sse

import "fmt"

// ErrReserved reports an event name that only the server itself may send. It wraps
// ErrEvent.
var ErrReserved = fmt.Errorf("%w: reserved", ErrEvent)

// A ReservedEvent is the name of an event that the server sends itself.
type ReservedEvent struct {
	Name string // as subscribers see it; never empty
	Flag string // the flag that gives the server's event another name, such as "--gap-event"
}

// ReservedEvents are the event names that publishers may not use, because a
// subscriber could not tell a publisher's event from the server's own. A nil list
// reserves nothing.
type ReservedEvents []ReservedEvent

// Check returns an error that wraps ErrReserved if event is one of the reserved
// names. Names are compared byte by byte, as browsers compare event types. The list
// is short, so a scan is cheaper than a map.
func (r ReservedEvents) Check(event []byte) error {
	for i := range r {
		if string(event) == r[i].Name {
			return r[i].refuse()
		}
	}
	return nil
}

// refuse is a function of its own so that the compiler can inline Check, which runs
// for each message.
func (e *ReservedEvent) refuse() error {
	return fmt.Errorf("%w: the server sends events named %q itself; use another name, or rename the server's event with %s", ErrReserved, e.Name, e.Flag)
}
