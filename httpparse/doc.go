// Package httpparse reads the head of an HTTP/1.x request: bytes in, and out a
// [Request], "more bytes are needed", or a [Refusal] that knows its status.
//
// What lives here is the grammar: request line, target, field lines, framing
// (RFC 9112), hosts and the meaning of the few fields that decide whether a
// message is sound (RFC 9110), percent-decoding (RFC 3986). What must not: a
// socket, a clock, a log, a lock, an opinion about which paths or methods are
// served, and the body, of which this package says only that there is one.
//
// The one invariant: the answer depends on the bytes alone, never on how they
// were cut. The parser goes through the head in byte order and stops at the
// first offense, so a prefix of a request is answered with "more" or with the
// very refusal that the whole request gets.
//
// It is strict where two readers of the same bytes might disagree, for such
// disagreement is what request smuggling lives on: lines end in CRLF and
// nothing else, a name touches its colon, lengths do not repeat. It is lenient
// where browsers and curl are sloppy and nothing hangs on it: a target may hold
// any visible character but "#", and raw UTF-8.
//
// Caveats:
//
//   - Slices of a Request point into the buffer that was parsed. They die with
//     it: when the buffer is reused, consumed or grown. Copy what must live on.
//   - A Request says something only after Parse returned n > 0.
//   - A Request holds its own field array (3 KiB): keep one and reuse it, and
//     pass it by pointer, because a copy's Fields would still be the original's.
//   - Parsing allocates nothing, neither to accept nor to refuse.
package httpparse
