// Package doctor checks an event stream of ssed through a proxy. It reports problems that the proxy
// causes, and the lines of the proxy's configuration that fix them.
//
// It subscribes like a browser, once without compression and once with gzip, and watches both
// streams (probe.go). When both streams have ended, it evaluates the observations (judge.go).
//
// The invariant: every finding is based on observations of these streams, never on the information
// that a proxy gives about itself.
package doctor
