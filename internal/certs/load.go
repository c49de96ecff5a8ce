package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// A KeyError is an error in the file of a private key.
type KeyError struct{ err error }

func (e *KeyError) Error() string { return e.err.Error() }
func (e *KeyError) Unwrap() error { return e.err }

// Pool returns the CA certificates in a file. It returns an error if the file contains no
// certificate that is valid at the time now.
func Pool(file string, now time.Time) (*x509.CertPool, error) {
	_, all, err := certificates(file)
	if err != nil {
		return nil, err
	}
	pool, valid := x509.NewCertPool(), 0
	for _, c := range all {
		if err = checkTime(file, c, now); err == nil {
			pool.AddCert(c)
			valid++
		}
	}
	if valid == 0 {
		return nil, err
	}
	return pool, nil
}

// Pair returns the certificate in a file, followed by its intermediate certificates, with its
// private key. It returns an error if the first certificate is not valid at the time now. An error
// that concerns the key is a *KeyError.
func Pair(certFile, keyFile string, now time.Time) (tls.Certificate, error) {
	chain, all, err := certificates(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := privateKey(keyFile)
	if err != nil {
		return tls.Certificate{}, &KeyError{err}
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return tls.Certificate{}, mismatch(err, certFile, keyFile, all, key)
	}
	return pair, checkTime(certFile, all[0], now)
}

// mismatch returns the error for a key and a chain that X509KeyPair does not accept.
func mismatch(err error, certFile, keyFile string, chain []*x509.Certificate, key []byte) error {
	if !strings.Contains(err.Error(), "does not match") {
		return &KeyError{fmt.Errorf("invalid private key in %s: %w", keyFile, err)}
	}
	for _, c := range chain[1:] {
		one := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		if _, err := tls.X509KeyPair(one, key); err == nil {
			return fmt.Errorf("wrong order in %s: the certificate of the private key must be the first, before its CA certificates", certFile)
		}
	}
	return &KeyError{fmt.Errorf("the private key in %s does not match the certificate in %s", keyFile, certFile)}
}

// checkTime returns an error if a certificate of a file is not valid at the time now.
func checkTime(file string, c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("the certificate in %s expired on %s", file, day(c.NotAfter))
	case now.Before(c.NotBefore):
		return fmt.Errorf("the certificate in %s is not valid before %s", file, day(c.NotBefore))
	}
	return nil
}

// day formats a time in certificates.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// certificates returns the certificates in a file, as PEM and parsed. There is at least one.
func certificates(file string) (text []byte, all []*x509.Certificate, err error) {
	text, err = read(file)
	if err != nil {
		return nil, nil, err
	}
	found, der := blocks(text)
	for _, block := range found {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("invalid certificate %d in %s: %w", len(all)+1, file, err)
		}
		all = append(all, c)
	}
	switch {
	case len(all) > 0:
		return text, all, nil
	case isKey(found):
		return nil, nil, fmt.Errorf("%s contains a private key, not a certificate", file)
	case der:
		return nil, nil, fmt.Errorf("the certificate in %s is in DER form: expected PEM, as \"openssl x509 -inform DER\" prints it", file)
	}
	return nil, nil, fmt.Errorf("%s contains no certificate: expected PEM, with a line \"-----BEGIN CERTIFICATE-----\"", file)
}

// privateKey returns the text of a file with a private key in PEM form.
func privateKey(file string) ([]byte, error) {
	text, err := read(file)
	if err != nil {
		return nil, err
	}
	found, _ := blocks(text)
	for _, block := range found {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, fmt.Errorf("the private key in %s is encrypted: expected a key without a passphrase, as \"openssl pkey\" prints it", file)
		}
	}
	switch {
	case isKey(found):
		return text, nil
	case len(found) > 0 && found[0].Type == "CERTIFICATE":
		return nil, fmt.Errorf("%s contains a certificate, not a private key", file)
	}
	return nil, fmt.Errorf("%s contains no private key: expected PEM, with a line \"-----BEGIN PRIVATE KEY-----\"", file)
}

// blocks returns the PEM blocks of a text. der reports whether the text is a certificate in DER
// form instead.
func blocks(text []byte) (found []*pem.Block, der bool) {
	for rest := bytes.TrimSpace(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			_, err := x509.ParseCertificate(text)
			return found, err == nil
		}
		found = append(found, block)
	}
}

// isKey reports whether PEM blocks contain a private key.
func isKey(found []*pem.Block) bool {
	for _, block := range found {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return true
		}
	}
	return false
}

func read(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("cannot read %s: %w", file, at.Err)
	}
	return text, err
}
