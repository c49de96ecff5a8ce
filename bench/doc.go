// Command bench measures ssed beside the floor: the least that one thread can do for the same work.
// Each scenario starts each server anew on one processor, runs the load on another, repeats that in
// turn (A B A B), and prints medians and ratios.
//
//	go run -C bench . fanout
//	go run -C bench . all --seconds 3 --json results.json
//
// main.go reads the flags, scenarios.go says what is measured; measure.go, rounds.go, series.go,
// storm.go and emojitracker.go do it; report.go makes the tables, with stats for the medians,
// document.go and results.go what is kept of them. responsive.go, resume.go and soak.go are the
// scenarios that are asked for by name. The generators are in load, the servers' processes in
// server, the floor in floor, the process that asks a busy daemon questions in probe, the program
// that makes a page of results in page. tree knows where the source is, and where the user is. The
// bench is a module of its own, so that the daemon does not depend on what only the bench needs.
// The servers that ssed is measured beside are another module, in peers.
//
// The invariant: nothing here knows a server from the inside. Servers are reached by socket and
// seen through /proc.
package main
