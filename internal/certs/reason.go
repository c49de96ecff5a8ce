package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// The alerts of TLS (RFC 8446, section 6) that have an explanation here.
const (
	handshakeFailure       tls.AlertError = 40
	badCertificate         tls.AlertError = 42
	unsupportedCertificate tls.AlertError = 43
	certificateRevoked     tls.AlertError = 44
	certificateExpired     tls.AlertError = 45
	certificateUnknown     tls.AlertError = 46
	unknownCA              tls.AlertError = 48
	accessDenied           tls.AlertError = 49
	protocolVersion        tls.AlertError = 70
	unrecognizedName       tls.AlertError = 112
	certificateRequired    tls.AlertError = 116
	noApplicationProtocol  tls.AlertError = 120
)

// Silence explains a handshake that the server does not answer.
const Silence = "the server did not answer the TLS handshake in time; does it use TLS?"

// namesShown limits how many names of a certificate an error contains.
const namesShown = 5

// alerts explains the alerts that a server sends.
var alerts = map[tls.AlertError]string{
	handshakeFailure:       "the server refuses the TLS handshake: it may require a client certificate, or have no cipher in common with this client",
	badCertificate:         "the server refuses the client certificate, or requires one",
	unsupportedCertificate: "the server does not support this kind of client certificate",
	certificateRevoked:     "the server refuses the client certificate: it is revoked",
	certificateExpired:     "the server refuses the client certificate: it has expired",
	certificateUnknown:     "the server refuses the client certificate",
	unknownCA:              "the server refuses the client certificate: it does not trust its CA",
	accessDenied:           "the server refuses access with this client certificate",
	protocolVersion:        "the server supports no version of TLS that this client accepts (1.2 or later)",
	unrecognizedName:       "the server has no certificate for this name",
	certificateRequired:    "the server requires a client certificate",
	noApplicationProtocol:  "the server supports none of the client's protocols (ALPN)",
}

// An explained error is a TLS error in plain words. It wraps the original error.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

// Reason explains an error of a TLS connection to a server, from its handshake or later. It returns
// ok = false if err is another error. The result wraps err, so errors.As still finds the error
// types of the crypto packages. An error that Reason has explained before is returned without the
// errors around it.
func Reason(err error) (reason error, ok bool) {
	if done, ok := errors.AsType[*explained](err); ok {
		return done, true
	}
	text := explain(err)
	if text == "" {
		return err, false
	}
	return &explained{text, err}, true
}

// HandshakeReason is Reason for an error of a handshake, before which the connection worked. It
// also explains a connection that ended, and a context that ended.
func HandshakeReason(err error) (reason error, ok bool) {
	if reason, ok := Reason(err); ok {
		return reason, true
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &explained{Silence, err}, true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return &explained{"the server closed the connection during the TLS handshake; does it use TLS?", err}, true
	}
	return err, false
}

// RequiresCertificate reports whether an error means that the server requires a client certificate.
func RequiresCertificate(err error) bool {
	alert, ok := alertOf(err)
	return ok && (alert == certificateRequired || alert == handshakeFailure || alert == badCertificate)
}

// explain returns the explanation of an error, or "".
func explain(err error) string {
	if alert, ok := alertOf(err); ok {
		return alerts[alert]
	}
	if unverified, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return explainCertificate(unverified)
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && !isRecord(record.RecordHeader[0]) {
		return "the server does not use TLS: use tcp:// or http://"
	}
	if strings.Contains(err.Error(), "unsupported protocol version") { // crypto/tls has no type for it
		return alerts[protocolVersion]
	}
	return ""
}

// isRecord reports whether a byte is the type of a TLS record (RFC 8446, section 5.1).
func isRecord(b byte) bool { return b >= 20 && b <= 23 }

// WantsTLS reports whether the body of a response is the answer of a TLS server (of Go, nginx or
// Apache) to a client that uses plain HTTP.
func WantsTLS(body string) bool {
	for _, words := range []string{"HTTP request to an HTTPS server", "HTTP request was sent to HTTPS port", "plain HTTP to an SSL-enabled server port"} {
		if strings.Contains(body, words) {
			return true
		}
	}
	return false
}

// alertOf returns the alert that the server sent. The type of the error is not exported, but the
// exported AlertError has the same text.
func alertOf(err error) (tls.AlertError, bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return 0, false
	}
	for alert := range alerts {
		if op.Err.Error() == alert.Error() {
			return alert, true
		}
	}
	return 0, false
}

// explainCertificate explains why the server's certificate is not accepted, or returns "".
func explainCertificate(e *tls.CertificateVerificationError) string {
	chain := e.UnverifiedCertificates
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](e.Err); ok {
		return explainAuthority(chain, unknown)
	}
	if name, ok := errors.AsType[x509.HostnameError](e.Err); ok {
		return explainName(name)
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](e.Err)
	if !ok || invalid.Reason != x509.Expired {
		return ""
	}
	what, c := "the server's certificate", invalid.Cert
	if len(chain) > 0 && !c.Equal(chain[0]) {
		what = fmt.Sprintf("the certificate of the server's CA (%q)", nameOf(c, false))
	}
	if time.Now().Before(c.NotBefore) {
		return fmt.Sprintf("%s is not valid before %s; is the clock of this machine right?", what, day(c.NotBefore))
	}
	return fmt.Sprintf("%s expired on %s", what, day(c.NotAfter))
}

// explainAuthority explains that no trusted CA has signed a chain of certificates.
func explainAuthority(chain []*x509.Certificate, e x509.UnknownAuthorityError) string {
	text := "the server's certificate is signed by an unknown authority"
	if len(chain) > 0 {
		last := chain[len(chain)-1]
		if len(chain) == 1 && bytes.Equal(last.RawIssuer, last.RawSubject) {
			text = "the server's certificate is self-signed, and this client does not trust it"
		} else {
			text += fmt.Sprintf(" (%q)", nameOf(last, true))
		}
	}
	if _, hint, ok := strings.Cut(e.Error(), " (possibly because of "); ok { // quoted by crypto/x509
		text += ", possibly because of " + strings.TrimSuffix(hint, ")")
	}
	return text
}

// explainName explains that a certificate is for other names.
func explainName(e x509.HostnameError) string {
	var names []string
	for _, name := range e.Certificate.DNSNames {
		names = append(names, fmt.Sprintf("%q", name))
	}
	for _, ip := range e.Certificate.IPAddresses {
		names = append(names, fmt.Sprintf("%q", ip.String()))
	}
	if len(names) == 0 {
		return fmt.Sprintf("the server's certificate contains no name (subject alternative name), so it is not valid for %q", e.Host)
	}
	if more := len(names) - namesShown; more > 0 {
		names = append(names[:namesShown], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("the server's certificate is for %s, not for %q", strings.Join(names, ", "), e.Host)
}

// nameOf returns the name of a certificate or of its issuer.
func nameOf(c *x509.Certificate, issuer bool) string {
	name := c.Subject
	if issuer {
		name = c.Issuer
	}
	switch {
	case name.CommonName != "":
		return name.CommonName
	case len(name.Organization) > 0:
		return name.Organization[0]
	}
	return name.String()
}
