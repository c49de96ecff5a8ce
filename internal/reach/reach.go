// Package reach explains why a client cannot reach a daemon over HTTP. The terminal commands that
// request something from a daemon use it, so that all of them report an error in the same words.
//
// The one invariant: an explanation contains no URL, which may contain a token.
package reach

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ssed/ssed/internal/listen"
)

var (
	errNoHTTP = errors.New("the server does not answer in HTTP: is this the address for publishers? Subscribers use port 8001 by default")
	errNoTLS  = errors.New("the server does not use TLS: use http://")
)

// Reason returns the cause of an error of net/http for a request without a response. It returns
// other errors unchanged.
func Reason(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	switch text := err.Error(); {
	case strings.Contains(text, "malformed HTTP"): // net/http has no type for it
		return errNoHTTP
	case errors.Is(err, http.ErrSchemeMismatch), strings.Contains(text, "first record does not look like a TLS handshake"):
		return errNoTLS
	}
	return listen.Reason(err)
}
