// Package httpparse parses the head of an HTTP/1.x request. The result is a [Request], a [Refusal]
// with a status, or a request for more bytes.
//
// The package implements the grammar: the request line, the target, field lines, framing (RFC
// 9112), hosts, the few fields that determine whether a message is valid (RFC 9110), and
// percent-decoding (RFC 3986). It has no sockets, no clock, no log and no locks. It does not decide
// which paths or methods are served. It reports that a request has a body, but does not read it.
//
// The one invariant: the result depends only on the bytes, never on how they were split into reads.
// The parser processes the head in byte order and stops at the first error. So for a prefix of a
// request it either asks for more bytes, or returns the same refusal as for the whole request.
//
// The parser is strict if two parsers might read the same bytes differently, because request
// smuggling depends on such differences. Lines end only in CRLF, a colon must directly follow the
// field name, and a request must not have two lengths. The parser is lenient if browsers and curl
// do not follow the grammar and the result is unambiguous. A target may contain any visible
// character except "#", and raw UTF-8.
//
// Caveats:
//
//   - Slices of a Request point into the parsed buffer. They are invalid after the buffer is
//     reused, consumed or grown. Copy what you keep.
//   - A Request is valid only after Parse has returned n > 0.
//   - A Request contains its array of fields (3 KiB). Keep one Request and reuse it. Pass it by
//     pointer, because the Fields of a copy would still point to the original's array.
//   - Parsing does not allocate, neither for a valid request nor for a refusal.
package httpparse
