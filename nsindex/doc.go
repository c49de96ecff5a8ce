// Package nsindex implements namespaces, subscription sets, and an index that finds the sets that a
// message matches.
//
// The grammar of namespaces is defined only here, for subscribers and publishers. The package does
// no I/O and has no locks. The owner of an Index serializes all access to it.
//
// The one invariant: no member of a Set is below another member, so a message matches each set at
// most once.
package nsindex
