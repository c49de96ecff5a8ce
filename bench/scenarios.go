package main

import "github.com/ssed/ssed/bench/server"

// scenarios lists the scenarios, each with the goals that its results are compared with.
var scenarios = []scenario{
	{
		name: "fanout",
		what: "1,000 subscribers of one namespace, as fast as it goes",
		cases: []testCase{
			{"64 in flight", func(b *bench, s server.Spec) (values, error) { return b.closedLoop(s, 1000, 1, 0, 64) }},
			{"1024 in flight", (*bench).deep},
		},
		goals: []goal{
			{metric: deliveriesPerSec, least: 0.95},
			{metric: deliveriesPerSec, least: 40, in: "64 in flight", over: "sseserver"},
			{metric: latencyP99, most: 1.1},
		},
	},
	{
		name: "steady",
		what: "100 messages/s to 1,000 subscribers: cost and latency of a delivery",
		cases: []testCase{
			{"open loop", (*bench).steady},
		},
		goals: []goal{{metric: cpuPerDelivery, most: 1.1}, {metric: latencyP99, most: 1.1}},
	},
	{
		name:  "idle",
		what:  "18,500 subscribers that receive nothing: memory per subscriber",
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
		what: "800 subscribers that read, alone and together with 200 that never read",
		cases: []testCase{
			{"none stalled", func(b *bench, s server.Spec) (values, error) { return b.stalled(s, 800, 0) }},
			{"200 stalled", func(b *bench, s server.Spec) (values, error) { return b.stalled(s, 1000, 200) }},
		},
		goals:   []goal{{metric: rssGrowthMiB, most: 16, absolute: true, in: "200 stalled"}}, // the default backlog of ssed
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
		what: "a publisher at full speed, and one or two subscribers that read everything",
		cases: []testCase{
			{"one subscriber", func(b *bench, s server.Spec) (values, error) { return b.drain(s, 1) }},
			{"two subscribers", func(b *bench, s server.Spec) (values, error) { return b.drain(s, 2) }},
		},
		goals: []goal{{metric: megabytesPerSec, least: 0.9}},
	},
	scenario{
		name:    "namespaces",
		what:    "10,000 subscribers spread over one namespace or many; one message in flight to each",
		compare: []comparison{{cpuPerDelivery, "10,000 namespaces", "1 namespaces", goal{most: 1.3}}},
	}.along("namespaces", "namespaces", (*bench).namespaces, 1, 100, 1000, 10_000, 100_000),
	scenario{
		name: "growth",
		what: "from ten subscribers to 19,000, 16 messages in flight: how the cost of a delivery grows",
	}.along("subscribers", "subscribers", (*bench).growth, 10, 100, 1000, 10_000, 19_000),
	scenario{
		name: "payload",
		what: "200 subscribers, from 16 bytes of data to 64 KiB, at most 256 KiB in flight",
	}.along("bytes of data", "bytes", (*bench).payload, 16, 64, 256, 1<<10, 4<<10, 16<<10, 64<<10),
	scenario{
		name: "depth",
		what: "messages for a namespace of 1 to 16 segments, 1,000 subscribers on all levels above it",
	}.along("segments", "segments", (*bench).depth, 1, 2, 4, 8, 16),
	scenario{
		name: "sets",
		what: "1,000 subscribers of the same set of namespaces, and messages for each of them in turn",
	}.along("namespaces in the set", "in the set", (*bench).sets, 1, 2, 5, 10, 20, 50),
	scenario{
		name: "slow",
		what: "200 subscribers of messages of 4 KiB, some of which read only 20 KB/s: the message rate of the others",
	}.along("% slow readers", "% slow", (*bench).slow, 0, 10, 20, 30, 40, 50),
	{
		name:  "storm",
		what:  "9,000 subscribers are disconnected and all reconnect at once",
		cases: []testCase{{"storm", (*bench).storm}},
	},
	{
		name:  "emojitracker",
		what:  "850 emoji, 5,000 clients, some 400 tweets/s in three streams, in 512 MB of memory",
		cases: []testCase{{"emojitracker", (*bench).emojitracker}},
	},
	{
		name: "responsive",
		what: "19,000 subscribers and publishers at full speed: how long a new subscriber, a PING and an admin snapshot wait",
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
		what: "a history of a million messages in 10,000 namespaces: 10,000 clients resume at once, or one resumes them all; the cost of keeping messages",
		cases: []testCase{
			{"10,000 come back", func(b *bench, s server.Spec) (values, error) { return b.manyComeBack(s.With(keepHistory)) }},
			{"one comes back, for all", func(b *bench, s server.Spec) (values, error) { return b.oneComesBack(s.With(keepHistory)) }},
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
		name: "store",
		what: "the cost of a store (--store) compared with a history in memory: for deliveries, for publishers that read every OK, and for clients that resume",
		cases: []testCase{
			{"64 in flight, history", keeping(memory, (*bench).scanned)},
			{"64 in flight, store", keeping(disk, (*bench).scanned)},
			{"100 messages/s, history", keeping(memory, (*bench).scannedSteadily)},
			{"100 messages/s, store", keeping(disk, (*bench).scannedSteadily)},
			{"1 publisher, history", keeping(memory, publishers(1))},
			{"1 publisher, store", keeping(disk, publishers(1))},
			{"4 publishers, history", keeping(memory, publishers(4))},
			{"4 publishers, store", keeping(disk, publishers(4))},
			{"10,000 come back, history", keeping(memory, (*bench).manyComeBack)},
			{"10,000 come back, store", keeping(disk, (*bench).manyComeBack)},
		},
		goals: []goal{
			{metric: linesPerSec, least: 1e5, absolute: true, in: "1 publisher, store"},
			{metric: linesPerSec, least: 1e5, absolute: true, in: "4 publishers, store"},
		},
		compare: []comparison{
			{deliveriesPerSec, "64 in flight, store", "64 in flight, history", goal{}},
			{cpuPerDelivery, "64 in flight, store", "64 in flight, history", goal{}},
			{cpuPerDelivery, "100 messages/s, store", "100 messages/s, history", goal{most: 1.1}},
			{latencyP50, "100 messages/s, store", "100 messages/s, history", goal{most: 1000, added: true}},
			{caughtUpSeconds, "10,000 come back, store", "10,000 come back, history", goal{}},
		},
		byName: true,
	},
	{
		name: "cluster",
		what: "daemons that share three NATS servers, each with its own subscribers of the same messages: how much three daemons deliver, and at which cost",
		cases: []testCase{
			{"1 daemon", func(b *bench, s server.Spec) (values, error) { return b.cluster(s, 1) }},
			{"3 daemons", func(b *bench, s server.Spec) (values, error) { return b.cluster(s, 3) }},
		},
		compare: []comparison{
			{deliveriesPerSec, "3 daemons", "1 daemon", goal{least: 2.9}},
			{cpuPerDelivery, "3 daemons", "1 daemon", goal{most: 1.1}},
			{latencyP50, "3 daemons", "1 daemon", goal{}},
		},
		byName: true,
	},
	{
		name: "loops",
		what: "one daemon with several event loops (--loops) on all processors: the time to reach all subscribers, and the cost of a delivery, of a message and of a loop",
		cases: []testCase{
			{"one message, 1 loop", withLoops(1, (*bench).bursts)},
			{"one message, 2 loops", withLoops(2, (*bench).bursts)},
			{"100 messages/s, 1 loop", withLoops(1, (*bench).steady)},
			{"100 messages/s, 1 loop and the publishers' own", withOwnLoop((*bench).steady)},
			{"100 messages/s, 2 loops", withLoops(2, (*bench).steady)},
			{"100 messages/s, 4 loops", withLoops(4, (*bench).steady)},
			{"64 in flight, 1 loop", withLoops(1, (*bench).inFlight64)},
			{"64 in flight, 2 loops", withLoops(2, (*bench).inFlight64)},
			{"no subscriber, 1 loop", withLoops(1, (*bench).empty)},
			{"no subscriber, 2 loops", withLoops(2, (*bench).empty)},
			{"no subscriber, 4 loops", withLoops(4, (*bench).empty)},
			{"idle subscribers, 1 loop", withLoops(1, (*bench).idle)},
			{"idle subscribers, 2 loops", withLoops(2, (*bench).idle)},
			{"publish only, 1 loop and the publishers' own", withOwnLoop((*bench).publishProfiled)},
			{"publish only, 2 loops", withLoops(2, (*bench).publishProfiled)},
			{"publish only, 4 loops", withLoops(4, (*bench).publishProfiled)},
			{"publish only with history, 1 loop and the publishers' own", withOwnLoop(keeping(memory, (*bench).publishProfiled))},
			{"publish only with history, 2 loops", withLoops(2, keeping(memory, (*bench).publishProfiled))},
			{"publish only with history, 4 loops", withLoops(4, keeping(memory, (*bench).publishProfiled))},
			{"kept, 2 loops, history", withLoops(2, keeping(memory, (*bench).scannedSteadily))},
			{"kept, 2 loops, store", withLoops(2, keeping(disk, (*bench).scannedSteadily))},
			{"kept, 2 daemons, NATS server", anywhere((*bench).shareNATS)},
		},
		compare: []comparison{
			{reachedLast, "one message, 2 loops", "one message, 1 loop", goal{most: 0.6}},
			{cpuPerDelivery, "one message, 2 loops", "one message, 1 loop", goal{most: 1.1}},
			{cpuPerDelivery, "100 messages/s, 2 loops", "100 messages/s, 1 loop", goal{most: 1.1}},
			{cpuPerDelivery, "100 messages/s, 4 loops", "100 messages/s, 1 loop", goal{most: 1.1}},
			{latencyP50, "100 messages/s, 2 loops", "100 messages/s, 1 loop", goal{}},
			{deliveriesPerSec, "64 in flight, 2 loops", "64 in flight, 1 loop", goal{}},
			{rssMiB, "no subscriber, 2 loops", "no subscriber, 1 loop", goal{added: true}},
			{rssMiB, "no subscriber, 4 loops", "no subscriber, 2 loops", goal{added: true}},
			{rssPerSubscriber, "idle subscribers, 2 loops", "idle subscribers, 1 loop", goal{}},
			{linesPerSec, "publish only, 2 loops", "publish only, 1 loop and the publishers' own", goal{}},
			{linesPerSec, "publish only, 4 loops", "publish only, 2 loops", goal{}},
			{publishersPerLine, "publish only with history, 2 loops", "publish only, 2 loops", goal{added: true}},
			{cpuPerDelivery, "kept, 2 daemons, NATS server", "kept, 2 loops, history", goal{}},
			{cpuPerDelivery, "kept, 2 loops, store", "kept, 2 loops, history", goal{}},
			{latencyP50, "kept, 2 daemons, NATS server", "kept, 2 loops, history", goal{added: true}},
			{latencyP50, "kept, 2 loops, store", "kept, 2 loops, history", goal{added: true}},
		},
		byName: true,
	},
	{
		name:   "soak",
		what:   "subscribers that connect and leave, read slowly or not at all, and publishers at full rate: lost messages and leaks",
		cases:  []testCase{{"soak", (*bench).soak}},
		byName: true, seconds: 600, secondsMax: 3600, repeat: 1,
	},
}
