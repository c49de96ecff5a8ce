// Package goclients drives SSE clients written in Go against the real daemon: they
// must receive exactly what was published. It is a module of its own, so that these
// clients do not become dependencies of ssed. Run it from its folder:
//
//	go test -count=1 ./...
//
// Without -count=1 go test may show an earlier result: it does not know that the
// daemon, which these tests build and start, has changed.
package goclients
