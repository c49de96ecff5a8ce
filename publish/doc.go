// Package publish implements the publishers' line protocol: a parser, a Session that any event
// loop can feed, and a Client. A RetryClient is a Client that reconnects automatically.
// docs/line-protocol.txt is the protocol's specification.
//
// Basics. A loop creates one Session per connection, feeds it the bytes that it reads, and sends
// the replies that Feed returns:
//
//	session := publish.NewSession(&config)
//	replies, done := session.Feed(in, sink, buffer[:0])
//
// Caveats. The slices that a Sink receives point into the input or into the session's own buffer:
// they are valid until Publish returns. A Session has no lock: it belongs to the loop that reads
// its connection. A Sink that depends on another system may answer later (it returns ErrPending);
// the loop then keeps a Replies for the connection.
//
// The parser (parse.go), the session (session.go) and its replies do no I/O: bytes go in, messages
// and reply bytes come out. Only client.go, dial.go and retry.go use the network. The grammar of
// namespaces is in package nsindex, not here.
//
// The one invariant: the replies and messages of a session depend only on the bytes that it was
// fed, and never on how those bytes were split. So different event libraries produce the same
// bytes.
package publish
