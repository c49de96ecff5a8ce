package loop

// turned is why a connection was turned away.
type turned uint8

const (
	turnedFull      turned = iota // ConnsMax
	turnedAddress                 // ConnsPerAddressMax
	turnedDraining                // the server is ending
	turnedEarly                   // the Store has not been reached yet
	turnedAhead                   // it has had more of the Store's messages than this server
	turnedClosed                  // not even a place to tell it to come back
	turnedPublisher               // PublishersMax
	turnedUndecided               // Authorize did not say in time, or has too many to decide about
	turneds
)

// String says why in words, for the log.
func (t turned) String() string {
	return [turneds]string{
		"there are as many subscribers as there may be (--max-conns); they are told to come back",
		"their address has as many subscribers as it may have (--max-conns-per-ip); they are told to come back",
		"the daemon is ending; they are told to come back",
		"the store is not reached yet; they are told to come back",
		"they have had more from another daemon than this one has; they are told to come back at once",
		"there is no place left to tell them to come back; they are closed",
		"there are as many publishers as there may be (--max-publishers); they are told ERR busy",
		"it was not decided whether they may subscribe (Options.Authorize); they are told to come back",
	}[t]
}

// full tells whether a visitor cannot become a subscriber now, and why.
func (l *loop) full(v *visitor) (cause turned, full bool) {
	switch {
	case l.stop.Load() != stopNot:
		return turnedDraining, true
	case l.store.Store != nil && !l.store.live:
		return turnedEarly, true
	case l.stats.Subscribers >= l.opts.ConnsMax:
		return turnedFull, true
	case l.crowds.full(v.address()):
		return turnedAddress, true
	}
	return 0, false
}

// turnAway counts a connection that finds no place.
func (l *loop) turnAway(cause turned) {
	l.stats.TurnedAway++
	l.journal.turned[cause]++
}
