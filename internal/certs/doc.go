// Package certs reads certificates and keys from files, and explains the errors of TLS
// connections.
//
// Files are in PEM form. The errors of Pool and Pair contain the name of the file, and describe the
// mistake: a key in place of a certificate, a certificate that has expired, a key of another
// certificate. Reason explains why a TLS handshake failed.
//
// The invariant: text of a certificate is quoted in every explanation, so that it cannot control a
// terminal or forge a line of a log.
package certs
