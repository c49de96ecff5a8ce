// Package store puts NATS JetStream behind one or many daemons: what is published
// goes into a stream, and every daemon delivers what is in there.
//
// It is the only importer of nats.go and nats-server.
//
// The one invariant: a namespace has one subject, and a subject that no namespace
// has is never delivered.
package store
