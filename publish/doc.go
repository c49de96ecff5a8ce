// Package publish is the publishers' side of ssed: the line protocol, as a
// parser and a Session that any event loop can feed, and a Client that speaks
// it. A RetryClient is a Client that connects again. docs/line-protocol.txt is the
// protocol's specification.
//
// Basics. A loop makes one Session per connection, hands it what it read, and
// sends what it gets back:
//
//	session := publish.NewSession(&config)
//	replies, done := session.Feed(in, sink, buffer[:0])
//
// Caveats. The slices that a Sink is given are parts of in, or of the session's
// own buffer: they are good until Publish returns. A Session has no lock: it
// belongs to the loop that reads its connection. A Sink that must ask somebody else
// may answer later (ErrPending); the loop then keeps Replies for the connection.
//
// The parser (parse.go), the session (session.go) and its replies do no I/O: bytes in,
// messages and reply bytes out. Only client.go and retry.go know the network.
// What a namespace is, is not known here: package nsindex knows.
//
// The one invariant: a session's replies and messages depend on the bytes it was
// fed and on nothing else, least of all on how they were split. So two event
// libraries under it give the same bytes.
package publish
