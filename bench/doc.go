// Command bench compares ssed with the floor: the minimum that one thread needs for the same work.
// Each scenario starts each server on one processor and runs the load on another. It alternates
// between the servers (A B A B), and prints medians and ratios.
//
//	go run -C bench . fanout
//	go run -C bench . all --seconds 3 --json results.json
//
// main.go reads the flags, and scenarios.go lists the scenarios. measure.go, rounds.go, series.go,
// storm.go and emojitracker.go measure them. responsive.go, resume.go, store.go, loops.go and
// soak.go contain the scenarios that run only if they are named. report.go prints the tables, with
// medians from stats. document.go and results.go write the results to files.
//
// The load generators are in load, the server processes in server, and the floor in floor. probe is
// the process that sends questions to a busy daemon. page is the program that makes a page of
// results. tree finds the source tree and the user's directory. The bench is a separate module, so
// that the daemon does not depend on the libraries of the bench. The other servers are in another
// module, peers.
//
// Invariant: no code here depends on the internals of a server. The bench reaches servers by socket
// and observes them through /proc. There is one exception: loops.go looks for the publishers' loop
// in a profile of ssed, by the name of its library. A run fails if the profile does not contain it.
package main
