// Package nsindex knows namespaces and subscription sets, and which sets a message matches.
//
// The grammar of a namespace is here and nowhere else, for subscribers and
// publishers alike. Like sse and httpparse it does no I/O and holds no lock:
// its owner serializes all access.
//
// The one invariant: no member of a Set lies below another member, so a message
// finds each set at most once.
package nsindex
