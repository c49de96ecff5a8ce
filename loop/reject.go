package loop

// A rejectReason explains why a connection was turned away.
type rejectReason uint8

const (
	rejectFull      rejectReason = iota // ConnsMax
	rejectAddress                       // ConnsPerAddressMax
	rejectDraining                      // the server is shutting down
	rejectNotLive                       // the Store is not replayed yet
	rejectAhead                         // the client has newer messages of the Store, or of another loop, than this loop
	rejectClosed                        // no place is left even for a response that asks to retry
	rejectPublisher                     // PublishersMax
	rejectUndecided                     // Authorize took too long, or AuthorizeMax calls are running
	rejectReasons
)

// String returns the reason for the log, and how the clients were answered.
func (t rejectReason) String() string {
	return [rejectReasons]string{
		"subscriber limit reached (--max-conns); clients asked to retry",
		"subscriber limit of one address reached (--max-conns-per-ip); clients asked to retry",
		"shutting down; clients asked to retry",
		"store not replayed yet; clients asked to retry",
		"clients have newer messages than this daemon or event loop; asked to retry soon",
		"no connection left for a response; closed without one",
		"publisher limit reached (--max-publishers); answered ERR busy",
		"authorization not decided (Options.Authorize); clients asked to retry",
	}[t]
}

// full reports whether a pending connection cannot become a subscriber now, and why. Another loop
// may take the last place afterwards: see places.takeSubscriber.
func (c *pendingConn) full(l *Loop) (cause rejectReason, full bool) {
	switch {
	case l.stop.Load() != stopNone:
		return rejectDraining, true
	case !l.sequencer.live():
		return rejectNotLive, true
	case int(l.shared.subscribers.Load()) >= l.opts.ConnsMax:
		return rejectFull, true
	case l.shared.perAddress.full(c.address()):
		return rejectAddress, true
	}
	return 0, false
}

// countRejected counts a connection that was turned away.
func (e *eventLog) countRejected(l *Loop, cause rejectReason) {
	l.stats.TurnedAway++
	e.rejected[cause]++
}
