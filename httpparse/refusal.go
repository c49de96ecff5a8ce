package httpparse

// A Refusal is why a request is not served: the status to answer with, and one
// line of plain words for the body and the debug log. The words are constants,
// so they can carry neither an attacker's bytes nor a secret from a field.
//
// After a refusal nobody knows where the next request would begin, so the
// connection is answered once and closed (RFC 9112 section 9.6).
type Refusal struct {
	Status int
	Reason string
}

// Error returns the reason, without the status.
func (r *Refusal) Error() string { return r.Reason }

// more is not a refusal: the input ended before the grammar did. It travels
// the same way, so that each step of the parser has one thing to check, and
// never leaves the package.
var more = &Refusal{0, "more bytes are needed"}

// Not HTTP/1 at all: somebody else's first bytes, named so that the operator
// sees at once what is plugged in where.
var (
	errTLS   = &Refusal{400, "this is a TLS hello, but this port speaks plain HTTP"}
	errProxy = &Refusal{400, "this is a PROXY protocol header, but this port does not expect one"}
	errHTTP2 = &Refusal{505, "this is the HTTP/2 preface, but only HTTP/1.1 and HTTP/1.0 are spoken here"}
)

// Lines.
var (
	errBareLF     = &Refusal{400, "a line ends in LF alone; HTTP lines end in CRLF"}
	errBareCR     = &Refusal{400, "a CR without an LF after it"}
	errEmptyLines = &Refusal{400, "too many empty lines before the request line"}
)

// The request line.
var (
	errMethod        = &Refusal{400, "the request does not begin with a method and one space"}
	errMethodTooLong = &Refusal{501, "the method is longer than any that exists"}
	errConnect       = &Refusal{501, "CONNECT is for proxies, and this is none"}
	errTarget        = &Refusal{400, "the request target is empty or holds a control character"}
	errTargetTooLong = &Refusal{414, "the request target does not fit into the longest request head that is read"}
	errFragment      = &Refusal{400, "the request target holds a #; fragments stay with the client"}
	errTargetForm    = &Refusal{400, "the request target is neither a path nor an http or https URI"}
	errAsterisk      = &Refusal{400, "the target * is for OPTIONS only"}
	errAuthority     = &Refusal{400, "the URI's authority must be a host with an optional port, without user information"}
	errVersion       = &Refusal{400, "the request line does not end in one space, HTTP/1.1 and CRLF"}
	errVersionNone   = &Refusal{400, "the request line has no version; expected a method, a target and a version, such as GET / HTTP/1.1"}
	errTargetNone    = &Refusal{400, "the request line has no target; expected a method, a target and a version, such as GET / HTTP/1.1"}
	errVersionOther  = &Refusal{505, "only HTTP/1.1 and HTTP/1.0 are spoken here"}
)

// Fields.
var (
	errHeadTooLarge  = &Refusal{431, "the request head is too large"}
	errTooManyFields = &Refusal{431, "the request head has more than 64 fields"}
	errFieldName     = &Refusal{400, "a field line does not begin with a name and a colon"}
	errFieldSpace    = &Refusal{400, "whitespace between a field's name and its colon"}
	errFieldValue    = &Refusal{400, "a field's value holds a control character"}
	errFold          = &Refusal{400, "a field line begins with whitespace; folded lines are obsolete"}
	errHostMissing   = &Refusal{400, "an HTTP/1.1 request needs a Host field"}
	errHostTwice     = &Refusal{400, "more than one Host field"}
	errHostInvalid   = &Refusal{400, "the Host field is not a host with an optional port"}
)

// Framing.
var (
	errLength         = &Refusal{400, "the Content-Length is not a decimal number of bytes"}
	errLengthTwice    = &Refusal{400, "more than one Content-Length field"}
	errLengthAndCoded = &Refusal{400, "both Content-Length and Transfer-Encoding"}
	errCodingOld      = &Refusal{400, "HTTP/1.0 has no Transfer-Encoding"}
	errCodingOrder    = &Refusal{400, "the Transfer-Encoding does not end in chunked, once"}
	errCodingUnknown  = &Refusal{501, "chunked is the only Transfer-Encoding that is understood here"}
)

// Percent-encoding.
var (
	errTriplet = &Refusal{400, "a % that two hexadecimal digits do not follow"}
	errNUL     = &Refusal{400, "%00 is not allowed"}
)
