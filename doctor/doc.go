// Package doctor looks at an event stream of ssed through whatever stands before the
// daemon, and says what a proxy does to it and which line of its configuration mends
// that.
//
// It asks as a browser does, once without compression and once with gzip, and watches
// both streams (probe.go); what was seen is judged once they are over (judge.go). The
// invariant: a finding rests on something that was seen on these streams, never on what
// a proxy says of itself.
package doctor
