// Package goclients tests SSE clients written in Go against the real daemon. The one invariant: a
// client must receive exactly what was published. The package is a separate module, so that these
// clients do not become dependencies of ssed. Run it in its folder:
//
//	go test -count=1 ./...
//
// Without -count=1, go test may show a cached result, because it does not know that the daemon,
// which these tests build and start, has changed.
package goclients
