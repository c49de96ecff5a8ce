package httpparse

// A Refusal is the reason why a request head is refused. It has the status of the answer, and one
// line of text for the body and the debug log. The texts are constants, so they cannot contain
// bytes of an attacker or a secret from a field.
//
// After a refusal, the beginning of the next request is unknown, so the server must answer and
// close the connection (RFC 9112 section 9.6).
type Refusal struct {
	Status int
	Reason string
}

// Error returns the reason, without the status.
func (r *Refusal) Error() string { return r.Reason }

// more is not a refusal: it means that the input ended before the head did. The steps of the parser
// return it like a refusal, so that they have only one result to check. It is never returned to
// callers of the package.
var more = &Refusal{0, "more bytes are needed"}

// Other protocols, with texts that help an operator find out which program connects to the wrong
// port.
var (
	errLineProtocol = &Refusal{400, "received the line protocol of publishers, but this port expects HTTP; publishers use another port (--publish)"}
	errTLS          = &Refusal{400, "received a TLS handshake, but this port expects plain HTTP"}
	errProxy        = &Refusal{400, "received a PROXY protocol header, but this port does not expect one"}
	errHTTP2        = &Refusal{505, "received an HTTP/2 preface, but only HTTP/1.1 and HTTP/1.0 are supported"}
)

// Lines.
var (
	errBareLF     = &Refusal{400, "a line ends in LF alone; HTTP lines end in CRLF"}
	errBareCR     = &Refusal{400, "a CR is not followed by an LF"}
	errEmptyLines = &Refusal{400, "too many empty lines before the request line"}
)

// The request line.
var (
	errMethod        = &Refusal{400, "invalid request line: expected a method and one space at the beginning"}
	errMethodTooLong = &Refusal{501, "the method is longer than any registered method"}
	errConnect       = &Refusal{501, "CONNECT is not supported, because this server is not a proxy"}
	errTarget        = &Refusal{400, "the request target is empty or contains a control character"}
	errTargetTooLong = &Refusal{414, "the request target is longer than the limit of the whole request head"}
	errFragment      = &Refusal{400, "the request target contains a #; clients must not send fragments"}
	errTargetForm    = &Refusal{400, "invalid request target: expected a path or an http or https URI"}
	errAsterisk      = &Refusal{400, "the request target * is only valid for OPTIONS"}
	errAuthority     = &Refusal{400, "invalid authority in the URI: expected a host with an optional port, without user information"}
	errVersion       = &Refusal{400, "invalid request line: expected one space, HTTP/1.1 and CRLF at the end"}
	errVersionNone   = &Refusal{400, "the request line has no version; expected a method, a target and a version, such as GET / HTTP/1.1"}
	errTargetNone    = &Refusal{400, "the request line has no target; expected a method, a target and a version, such as GET / HTTP/1.1"}
	errVersionOther  = &Refusal{505, "only HTTP/1.1 and HTTP/1.0 are supported"}
)

// Fields.
var (
	errHeadTooLarge  = &Refusal{431, "the request head is too large"}
	errTooManyFields = &Refusal{431, "the request head has more than 64 fields"}
	errFieldName     = &Refusal{400, "invalid field line: expected a name and a colon at the beginning"}
	errFieldSpace    = &Refusal{400, "whitespace between a field name and its colon"}
	errFieldValue    = &Refusal{400, "a field value contains a control character"}
	errFold          = &Refusal{400, "a field line begins with whitespace; folded lines are obsolete"}
	errHostMissing   = &Refusal{400, "an HTTP/1.1 request needs a Host field"}
	errHostTwice     = &Refusal{400, "more than one Host field"}
	errHostInvalid   = &Refusal{400, "invalid Host field: expected a host with an optional port"}
)

// Framing.
var (
	errLength         = &Refusal{400, "invalid Content-Length: expected a decimal number of bytes"}
	errLengthTwice    = &Refusal{400, "more than one Content-Length field"}
	errLengthAndCoded = &Refusal{400, "both Content-Length and Transfer-Encoding"}
	errCodingOld      = &Refusal{400, "Transfer-Encoding is not allowed in HTTP/1.0"}
	errCodingOrder    = &Refusal{400, "invalid Transfer-Encoding: expected chunked once, at the end"}
	errCodingUnknown  = &Refusal{501, "unsupported Transfer-Encoding: only chunked is supported"}
)

// Percent-encoding.
var (
	errTriplet = &Refusal{400, "invalid percent-encoding: expected two hexadecimal digits after %"}
	errNUL     = &Refusal{400, "%00 is not allowed"}
)
