// Package reach explains why a client cannot reach a daemon over HTTP. The terminal commands that
// request something from a daemon use it, so that all of them report an error in the same words.
//
// The one invariant: an explanation contains no URL, which may contain a token.
package reach

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/ssed/ssed/internal/certs"
	"github.com/ssed/ssed/internal/listen"
)

var (
	errNoHTTP = errors.New("the server does not answer in HTTP: is this the address for publishers? Subscribers use port 8001 by default")
	errNoTLS  = errors.New("the server does not use TLS: use http://")
	errClosed = errors.New("the server closed the connection without a response")
	errSilent = errors.New(certs.Silence)
)

// ErrWantsTLS is the reason for the response of a TLS server to plain HTTP.
var ErrWantsTLS = errors.New("the server uses TLS: use https://")

// tlsAlert is how net/http reports a response that is a TLS alert.
const tlsAlert = `malformed HTTP response "\x15\x03`

// Reason returns the cause of an error of net/http for a request without a response. It returns
// other errors unchanged.
func Reason(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	switch text := err.Error(); {
	case strings.Contains(text, tlsAlert):
		return ErrWantsTLS
	case strings.Contains(text, "malformed HTTP"): // net/http has no type for it
		return errNoHTTP
	case errors.Is(err, http.ErrSchemeMismatch), strings.Contains(text, "first record does not look like a TLS handshake"):
		return errNoTLS
	case strings.Contains(text, "TLS handshake timeout"):
		return errSilent
	case err == io.EOF:
		return errClosed
	}
	if reason, ok := certs.Reason(err); ok {
		return Advise(reason)
	}
	return listen.Reason(err)
}

// AdviseTLS adds advice to the error of the first request to a URL without TLS, if the server
// closed the connection without a response. Many servers that use TLS do that. It returns other
// errors unchanged.
func AdviseTLS(err error, url string) error {
	if !errors.Is(err, errClosed) && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	for plain, secure := range map[string]string{"http://": "https://", "tcp://": "tls://"} {
		if strings.HasPrefix(url, plain) {
			return fmt.Errorf("%w; if it uses TLS, use %s", err, secure)
		}
	}
	return err
}

// Advise adds advice to a TLS error that a flag of the terminal commands can solve. It returns
// other errors unchanged.
func Advise(err error) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%w; to trust it, use --ca-file", err)
	}
	if certs.RequiresCertificate(err) {
		return fmt.Errorf("%w; set it with --cert-file and --key-file", err)
	}
	return err
}
