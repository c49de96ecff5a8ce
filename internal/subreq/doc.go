// Package subreq parses a request to subscribe. [Parse] turns a request head into a [Request] with
// the namespaces, the token and the position to resume from, or into a [Refusal] with a status and
// a reason. It makes one pass over the fields and one over the query.
//
// The package knows the resource /subscribe, its methods, and the parameters of its query. It does
// no I/O and knows nothing about connections, the clock, the history, or valid tokens. Package loop
// decides what to do with a Request.
//
// The one invariant: the result depends only on the request head. Nothing is kept between two
// requests, so an answer cannot contain data that another client sent.
package subreq
