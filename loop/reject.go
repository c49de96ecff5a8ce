package loop

// A rejectReason says why a connection was turned away.
type rejectReason uint8

const (
	rejectFull      rejectReason = iota // ConnsMax
	rejectAddress                       // ConnsPerAddressMax
	rejectDraining                      // the server is ending
	rejectNotLive                       // the Store has not been read yet
	rejectAhead                         // the client has newer messages of the Store than this server
	rejectClosed                        // no place left even for the reply that asks the client to retry
	rejectPublisher                     // PublishersMax
	rejectUndecided                     // Authorize did not return in time, or AuthorizeMax calls are running
	rejectReasons
)

// String returns the reason in words, for the log.
func (t rejectReason) String() string {
	return [rejectReasons]string{
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

// full reports whether a pending connection cannot become a subscriber now, and why.
func (c *pendingConn) full(l *Loop) (cause rejectReason, full bool) {
	switch {
	case l.stop.Load() != stopNone:
		return rejectDraining, true
	case !l.sequencer.live():
		return rejectNotLive, true
	case l.stats.Subscribers >= l.opts.ConnsMax:
		return rejectFull, true
	case l.perAddress.full(c.address()):
		return rejectAddress, true
	}
	return 0, false
}

// countRejected counts a connection that was turned away.
func (e *eventLog) countRejected(l *Loop, cause rejectReason) {
	l.stats.TurnedAway++
	e.rejected[cause]++
}
