package main

import (
	"slices"

	"github.com/ssed/ssed/bench/load"
	"github.com/ssed/ssed/bench/server"
)

// scenario is one question about the servers, measured in one or more cases.
type scenario struct {
	name  string
	what  string // the question, in a line
	cases []testCase
	// A series has one case for each of xs. axis names the quantity.
	axis string
	xs   []int
	// goals are bounds on the ratio of the first server to the reference.
	goals []goal
	// compare lists pairs of cases to compare on the same server.
	compare []comparison
	// byName keeps the scenario out of "all": it takes long, or needs features that only ssed has.
	byName bool
	// The scenario's own defaults and limit, if not 0.
	seconds, secondsMax float64
	repeat              int
}

// applicable returns the servers that the scenario can run on.
func (s scenario) applicable(specs []server.Spec) []server.Spec {
	if !s.byName {
		return specs
	}
	return slices.DeleteFunc(slices.Clone(specs), func(spec server.Spec) bool { return !spec.Namespaces || spec.Peer })
}

// testCase is one way to run a scenario. run starts the server, measures once and stops the server.
// It returns nil values if the case does not apply to the server.
type testCase struct {
	name string
	run  func(b *bench, spec server.Spec) (values, error)
}

// goal is a bound on a metric: on its ratio to another server, or on the value itself.
type goal struct {
	metric   string
	least    float64 // at least this, if not 0
	most     float64 // at most this, if not 0
	absolute bool    // the bound is on the first server's own value
	added    bool    // in a comparison: the bound is on the difference, not on the ratio
	in       string  // the case that the goal applies to, or all if empty
	over     string  // the ratio is to this server, or to the reference if empty
}

// comparison compares a server's metric in one case with the same metric in another case.
type comparison struct {
	metric string
	of, to string
	goal   goal
}

// closedLoop keeps inFlight messages in flight to subscribers. The first stalled of them never
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

// stalled runs the closed loop with some subscribers that never read. Peers are measured by slow
// instead, which is designed to fill every server's buffers.
func (b *bench) stalled(spec server.Spec, subscribers, stalled int) (values, error) {
	if spec.Peer {
		return nil, nil
	}
	return b.closedLoop(spec, subscribers, 1, stalled, 64)
}

// deep keeps 1,024 messages in flight. Peers are skipped: most of them keep fewer messages for a
// subscriber, and would disconnect it or drop messages.
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

// drain lets the publisher run ahead of the subscribers by a window of bytes. The window is large
// enough that the server never waits for a line. It is smaller than the backlog at which a server
// disconnects a subscriber.
func (b *bench) drain(spec server.Spec, subscribers int) (values, error) {
	if spec.Peer {
		return nil, nil // most peers keep less than the window for a subscriber, and a smaller window would measure something else
	}
	const aroundData = 20 // approximate size of the event and data fields and line ends
	inFlight := max(b.options.WindowBytes/(b.options.PayloadBytes+aroundData), 1)
	return b.messages(spec, load.Config{Topics: load.Split(subscribers, 1), InFlight: inFlight})
}
