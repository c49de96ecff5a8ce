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
	return slices.DeleteFunc(slices.Clone(specs), func(spec server.Spec) bool { return !spec.Namespaces })
}

// testCase is one way of asking. run starts the server, measures once and stops it.
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
	in       string  // the case, or all if empty
}

// comparison is one server's metric in one case over that in another.
type comparison struct {
	metric string
	of, to string
	goal   goal
}

// The scenarios of DESIGN section 9, with its goals.
var scenarios = []scenario{
	{
		name: "fanout",
		what: "1,000 subscribers of one namespace, as fast as it goes",
		cases: []testCase{
			{"64 in flight", func(b *bench, s server.Spec) (values, error) { return b.closedLoop(s, 1000, 1, 0, 64) }},
			{"1024 in flight", func(b *bench, s server.Spec) (values, error) { return b.closedLoop(s, 1000, 1, 0, 1024) }},
		},
		goals: []goal{{metric: deliveriesPerSec, least: 0.95}, {metric: latencyP99, most: 1.1}},
	},
	{
		name: "steady",
		what: "100 messages/s to 1,000 subscribers: what a delivery costs, and how late it is",
		cases: []testCase{
			{"open loop", (*bench).steady},
		},
		goals: []goal{{metric: cpuPerDelivery, most: 1.1}, {metric: latencyP99, most: 1.1}},
	},
	{
		name:  "idle",
		what:  "18,500 subscribers that hear nothing: the memory of each",
		cases: []testCase{{"idle", (*bench).idle}},
		goals: []goal{{metric: rssPerSubscriber, most: 600, absolute: true}},
	},
	{
		name: "accept",
		what: "rounds of 10,000 connections that are accepted and answered",
		cases: []testCase{
			{"as they are answered", func(b *bench, s server.Spec) (values, error) { return b.accept(s, openSteadily) }},
			{"500 waiting at once", func(b *bench, s server.Spec) (values, error) { return b.accept(s, openBursts) }},
		},
		goals: []goal{{metric: connectionsPerSec, least: 1}},
	},
	{
		name: "stalled",
		what: "800 subscribers that read, alone and beside 200 that never do",
		cases: []testCase{
			{"none stalled", func(b *bench, s server.Spec) (values, error) { return b.closedLoop(s, 800, 1, 0, 64) }},
			{"200 stalled", func(b *bench, s server.Spec) (values, error) { return b.closedLoop(s, 1000, 1, 200, 64) }},
		},
		compare: []comparison{{deliveriesPerSec, "200 stalled", "none stalled", goal{least: 0.95}}},
	},
	{
		name: "publish",
		what: "one publisher, pipelined, no subscriber",
		cases: []testCase{
			{"QUIET on", func(b *bench, s server.Spec) (values, error) { return b.publish(s, false) }},
			{"every OK read", func(b *bench, s server.Spec) (values, error) { return b.publish(s, true) }},
		},
		goals: []goal{
			{metric: linesPerSec, least: 3e6, absolute: true, in: "QUIET on"},
			{metric: linesPerSec, least: 1.5e6, absolute: true, in: "every OK read"},
		},
	},
	{
		name: "drain",
		what: "a publisher at full speed, and one or two subscribers that read it all",
		cases: []testCase{
			{"one subscriber", func(b *bench, s server.Spec) (values, error) { return b.drain(s, 1) }},
			{"two subscribers", func(b *bench, s server.Spec) (values, error) { return b.drain(s, 2) }},
		},
		goals: []goal{{metric: megabytesPerSec, least: 0.9}},
	},
	{
		name: "namespaces",
		what: "10,000 subscribers, one message in flight per namespace: each its own namespace, or one for all",
		cases: []testCase{
			{"one namespace", func(b *bench, s server.Spec) (values, error) { return b.closedLoop(s, 10_000, 1, 0, 1) }},
			{"10,000 namespaces", (*bench).namespaces},
		},
		compare: []comparison{{cpuPerDelivery, "10,000 namespaces", "one namespace", goal{most: 1.3}}},
	},
	{
		name: "responsive",
		what: "19,000 subscribers and publishers at full speed: how long a newcomer, a PING and an admin snapshot wait",
		cases: []testCase{
			{"1 publisher, 64 in flight", func(b *bench, s server.Spec) (values, error) { return b.responsive(s, 1, 64) }},
			{"4 publishers, 64 each", func(b *bench, s server.Spec) (values, error) { return b.responsive(s, 4, 64) }},
			{"4 publishers, 1024 each", func(b *bench, s server.Spec) (values, error) { return b.responsive(s, 4, 1024) }},
		},
		goals: []goal{
			{metric: acceptLatency.p99, most: 100, absolute: true},
			{metric: pingLatency.p99, most: 100, absolute: true},
			{metric: adminLatency.p99, most: 100, absolute: true},
		},
		byName: true, seconds: 10, repeat: 1,
	},
	{
		name: "resume",
		what: "a history of a million messages in 10,000 namespaces: all come back at once, or one for everything; what keeping costs",
		cases: []testCase{
			{"10,000 come back", (*bench).manyComeBack},
			{"one comes back, for all", (*bench).oneComesBack},
			{"1,000 subscribers, no history", func(b *bench, s server.Spec) (values, error) { return b.scanned(s) }},
			{"1,000 subscribers, history", func(b *bench, s server.Spec) (values, error) { return b.scanned(s.With(keepHistory)) }},
			{"publish only, no history", func(b *bench, s server.Spec) (values, error) { return b.publish(s, false) }},
			{"publish only, history", func(b *bench, s server.Spec) (values, error) { return b.publish(s.With(keepHistory), false) }},
		},
		goals: []goal{{metric: besideFrame, most: 64, absolute: true}},
		compare: []comparison{
			{cpuPerDelivery, "1,000 subscribers, history", "1,000 subscribers, no history", goal{most: 1.5}},
			{messagesPerSec, "1,000 subscribers, history", "1,000 subscribers, no history", goal{least: 0.67}},
			{cpuPerLine, "publish only, history", "publish only, no history", goal{}},
		},
		byName: true,
	},
	{
		name:   "soak",
		what:   "subscribers that come and go, read slowly or not at all, and publishers at full rate: what is lost, and what is left behind",
		cases:  []testCase{{"soak", (*bench).soak}},
		byName: true, seconds: 600, secondsMax: 3600, repeat: 1,
	},
}

// closedLoop keeps inFlight messages on their way to subscribers, of whom the first stalled never read.
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

// namespaces gives each subscriber a namespace of its own. A server that has none (the floor) sends everything to all, which
// is other work: it is not asked.
func (b *bench) namespaces(spec server.Spec) (values, error) {
	if !spec.Namespaces {
		return nil, nil
	}
	return b.closedLoop(spec, 10_000, 10_000, 0, 1)
}

func (b *bench) steady(spec server.Spec) (values, error) {
	subscribers := 1000
	if n := b.options.Subscribers; n > 0 {
		subscribers = n
	}
	return b.messages(spec, load.Config{Topics: load.Split(subscribers, 1), RatePerSec: b.options.Rate})
}

// drain keeps the publisher ahead of the subscribers by a window of bytes: enough that the server never waits for a line,
// and less than the backlog at which a server gives up on a subscriber.
func (b *bench) drain(spec server.Spec, subscribers int) (values, error) {
	const aroundData = 20 // event and data fields and line ends, about
	inFlight := max(b.options.WindowBytes/(b.options.PayloadBytes+aroundData), 1)
	return b.messages(spec, load.Config{Topics: load.Split(subscribers, 1), InFlight: inFlight})
}
