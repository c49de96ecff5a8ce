package subreq

import (
	"bytes"
	"strings"

	"github.com/ssed/ssed/httpparse"
)

// headersAlways lists the request fields that the daemon reads, and Cache-Control, which polyfills
// of EventSource send.
var headersAlways = []string{"X-Authorization", "Authorization", "Last-Event-ID", "Cache-Control"}

const (
	preflightMethods = "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"
	preflightMaxAge  = "Access-Control-Max-Age: 86400\r\n"

	// preflightVary tells caches that the answer also depends on the requested names.
	preflightVary = "Vary: Origin, Access-Control-Request-Headers\r\n"
)

// Limits for Access-Control-Request-Headers. Pages with tracing and a wrapper around fetch request
// fewer than ten names. A longer list is answered with headersAlways only.
const (
	askedNamesMax = 32
	askedBytesMax = 1 << 10
)

// AppendPreflight appends the CORS fields of an answer to OPTIONS (the Fetch standard, section
// 3.3.3).
//
// If every origin is allowed, every request field is, too: "*" matches all fields except
// Authorization, which must be listed. With a list of origins, credentials are allowed, and then
// "*" has no special meaning. So the requested names are sent back if they are tokens (RFC 9110
// section 5.6.2) and not longer than askedNamesMax and askedBytesMax allow. It is safe to allow any
// field, because the daemon ignores fields that it does not know.
func (a Answer) AppendPreflight(dst []byte, req *httpparse.Request) []byte {
	dst = append(dst, a.fields...)
	if a.vary {
		dst = append(dst, preflightVary...)
	}
	dst = append(dst, preflightMethods...)
	dst = append(dst, "Access-Control-Allow-Headers: "...)
	if !a.vary {
		dst = append(dst, "*, "...)
	}
	dst = append(dst, strings.Join(headersAlways, ", ")...)
	if a.vary && a.fields != "" {
		dst = appendAsked(dst, req.Get("Access-Control-Request-Headers"))
	}
	dst = append(dst, "\r\n"...)
	return append(dst, preflightMaxAge...)
}

// appendAsked appends the names of a list that are not in headersAlways. It appends nothing if the
// list is malformed or too long.
func appendAsked(dst, asked []byte) []byte {
	if len(asked) > askedBytesMax {
		return dst
	}
	with := dst
	names := 0
	for len(asked) > 0 {
		var name []byte
		name, asked, _ = bytes.Cut(asked, []byte(","))
		if name = bytes.Trim(name, " \t"); len(name) == 0 {
			continue // empty elements are ignored (RFC 9110 section 5.6.1.2)
		}
		if names++; names > askedNamesMax || !isToken(name) {
			return dst
		}
		if !isAlwaysAllowed(name) {
			with = append(append(with, ", "...), name...)
		}
	}
	return with
}

func isAlwaysAllowed(name []byte) bool {
	for _, h := range headersAlways {
		if len(h) == len(name) && bytes.EqualFold(name, []byte(h)) {
			return true
		}
	}
	return false
}

// isToken reports whether name is a token (RFC 9110 section 5.6.2).
func isToken(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c > '~' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return len(name) > 0
}
