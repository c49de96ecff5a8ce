// Package subreq turns a parsed request head into a request to subscribe: which
// namespaces, with which token, and from which message on; or into a refusal with
// its status and reason. [Parse] does all of it in one pass over the fields and one
// over the query.
//
// This package knows the resource /subscribe, its methods, and the parameters of
// its query. It does no I/O and knows nothing about connections, the clock, the
// history, or which tokens are valid: loop decides what to do with a [Request].
//
// The one invariant: the result depends on the request head alone. Nothing is kept
// between two requests, so no answer can carry what an earlier client sent.
package subreq
