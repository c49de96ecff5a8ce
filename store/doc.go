// Package store keeps the messages of one or many daemons in a stream of NATS JetStream. The stream
// is in an embedded NATS server or on NATS servers elsewhere. Published messages go into the
// stream. Every daemon delivers all messages of the stream, including its own.
//
//	publisher ─▶ loop ─▶ Submit ─▶ sender ─────────────▶ ┌────────┐
//	                                 │ ◀───── ack ────── │        │
//	                     Ack ◀───────┘                   │ stream │
//	                                                     │        │
//	subscriber ◀─ loop ◀─ StoreSink ◀─ delivery ◀─────── │        │
//	              loop ◀─ Read ◀────── streamReader ◀─── └────────┘
//
// The parts are:
//   - The sender (sender.go) publishes messages, and acknowledges them when the stream has stored them.
//   - The delivery (consumer.go) hands each message of the stream to the loop, in order.
//   - A streamReader (streamreader.go) reads old messages for subscribers that resume.
//   - Serve (serve.go) connects, finds or creates the stream, and starts again after
//     failures.
//
// This is the only package that imports nats.go and nats-server.
//
// Its invariant is that namespaces and subjects map one to one (subject.go). A message on a
// subject that maps to no namespace is never delivered.
package store
