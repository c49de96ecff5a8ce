package sse

import "fmt"

// ErrReserved reports an event name that only the server may send. It wraps ErrEvent.
var ErrReserved = fmt.Errorf("%w: reserved", ErrEvent)

// A ReservedEvent is the name of an event that the server sends itself.
type ReservedEvent struct {
	Name string // as subscribers see it; never empty
	Flag string // the flag that renames the server's event, such as "--gap-event"
}

// ReservedEvents is a list of event names that publishers may not use, because subscribers could
// not distinguish a publisher's event from the server's own. A nil list reserves nothing.
type ReservedEvents []ReservedEvent

// Check returns an error that wraps ErrReserved if event is a reserved name. Names are compared
// byte by byte, as browsers compare event types. The list is short, so a scan is faster than a map.
func (r ReservedEvents) Check(event []byte) error {
	for i := range r {
		if string(event) == r[i].Name {
			return r[i].refuse()
		}
	}
	return nil
}

// refuse returns the error for a reserved name. It is a separate method so that the compiler can
// inline Check, which runs for each message.
func (e *ReservedEvent) refuse() error {
	return fmt.Errorf("%w: the server uses %q for its own events; use another name, or rename the server's event with %s", ErrReserved, e.Name, e.Flag)
}
