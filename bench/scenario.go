package main

import (
	"slices"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// scenario is one question, asked in one or more cases.
type scenario struct {
	name  string
	what  string // the question, in a line
	cases []testCase
	// A series has one case for each x, which is what axis says.
	axis string
	xs   []int
	// goals are checked against the ratio of the first server to the last.
	goals []goal
	// compare holds two cases on the same server against each other.
	compare []comparison
	// byName keeps it out of "all": it takes long, or asks for what only ssed has.
	byName bool
	// Its own numbers, if not 0.
	seconds, secondsMax float64
	repeat              int
}

// askable returns the servers that the scenario is for.
func (s scenario) askable(specs []server.Spec) []server.Spec {
	if !s.byName {
		return specs
	}
	return slices.DeleteFunc(slices.Clone(specs), func(spec server.Spec) bool { return !spec.Namespaces || spec.Peer })
}

// testCase is one way of asking. run starts the server, measures once and stops it; it returns
// nothing if the server is not to be asked.
type testCase struct {
	name string
	run  func(b *bench, spec server.Spec) (values, error)
}

// goal is a bound on a metric: as a ratio to the last server, or as it is.
type goal struct {
	metric   string
	least    float64 // at least this, if not 0
	most     float64 // at most this, if not 0
	absolute bool    // of the first server's own value
	added    bool    // in a comparison: of the difference, and not of the ratio
	in       string  // the case, or all if empty
	over     string  // the server that the ratio is to, the last if empty
}

// comparison is one server's metric in one case over that in another.
type comparison struct {
	metric string
	of, to string
	goal   goal
}

// closedLoop keeps inFlight messages on their way to subscribers, of whom the first stalled never
// read.
func (b *bench) closedLoop(spec server.Spec, subscribers, topics, stalled, inFlight int) (values, error) {
	if n := b.options.Subscribers; n > 0 {
		stalled = stalled * n / subscribers
		topics = max(topics*n/subscribers, 1)
		subscribers = n
	}
	if b.options.InFlight > 0 {
		inFlight = b.options.InFlight
	}
	return b.messages(spec, load.Config{Topics: load.Split(subscribers, topics), Stalled: stalled, InFlight: inFlight})
}

// stalled has some of the subscribers never read. Peers are asked by slow, which is made so that
// every server's buffers fill.
func (b *bench) stalled(spec server.Spec, subscribers, stalled int) (values, error) {
	if spec.Peer {
		return nil, nil
	}
	return b.closedLoop(spec, subscribers, 1, stalled, 64)
}

// deep keeps a thousand messages in flight: more than most peers keep for a subscriber, who would
// be sent away or miss some.
func (b *bench) deep(spec server.Spec) (values, error) {
	if spec.Peer {
		return nil, nil
	}
	return b.closedLoop(spec, 1000, 1, 0, 1024)
}

func (b *bench) steady(spec server.Spec) (values, error) {
	subscribers := 1000
	if n := b.options.Subscribers; n > 0 {
		subscribers = n
	}
	return b.messages(spec, load.Config{Topics: load.Split(subscribers, 1), RatePerSec: b.options.Rate})
}

// drain keeps the publisher ahead of the subscribers by a window of bytes: enough that the server
// never waits for a line, and less than the backlog at which a server gives up on a subscriber.
func (b *bench) drain(spec server.Spec, subscribers int) (values, error) {
	if spec.Peer {
		return nil, nil // the window is more than most of them keep for a subscriber, and less would be another question
	}
	const aroundData = 20 // event and data fields and line ends, about
	inFlight := max(b.options.WindowBytes/(b.options.PayloadBytes+aroundData), 1)
	return b.messages(spec, load.Config{Topics: load.Split(subscribers, 1), InFlight: inFlight})
}
