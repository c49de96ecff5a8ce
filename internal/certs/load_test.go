package certs

import (
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// write creates a file with the content of others, or with text.
func write(t *testing.T, text string, files ...string) string {
	t.Helper()
	for _, file := range files {
		part, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += string(part)
	}
	file := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// der returns a file with the first certificate of another, in DER form.
func der(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	return write(t, string(block.Bytes))
}

// TestPool verifies which files of CA certificates are accepted, and the errors for the others.
func TestPool(t *testing.T) {
	ca, other := testtool.NewCA(t, "one"), testtool.NewCA(t, "two")
	leaf := ca.Issue(t, testtool.Leaf{})
	expired := ca.Issue(t, testtool.Leaf{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	for _, tt := range []struct {
		name, file string
		says       string // "" if the file is accepted
	}{
		{"one CA", ca.File, ""},
		{"two CAs and words", write(t, "# CAs of ssed\n", ca.File, other.File), ""},
		{"a CA after one that has expired", write(t, "", expired.CertFile, ca.File), ""},
		{"a CA before one that has expired", write(t, "", ca.File, expired.CertFile), ""},
		{"a server's certificate", leaf.CertFile, ""},
		{"no file", "/nonexistent/ca.pem", "cannot read /nonexistent/ca.pem: no such file or directory"},
		{"a folder", t.TempDir(), "is a directory"},
		{"an empty file", write(t, ""), "file.pem contains no certificate: expected PEM"},
		{"words", write(t, "trust everyone\n"), "file.pem contains no certificate: expected PEM"},
		{"a key", leaf.KeyFile, "contains a private key, not a certificate"},
		{"DER", der(t, ca.File), "file.pem is in DER form: expected PEM"},
		{"a damaged certificate", write(t, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "invalid certificate 1 in "},
		{"a second one that is damaged", write(t, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ca.File), "invalid certificate 1 in "},
		{"one that has expired", expired.CertFile, "expired on " + day(expired.Pair.Leaf.NotAfter)},
	} {
		pool, err := Pool(tt.file, time.Now())
		if tt.says == "" && (err != nil || pool == nil) || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
	pool, err := Pool(write(t, "", expired.CertFile, ca.File), time.Now())
	if err != nil || !pool.Equal(ca.Pool()) {
		t.Errorf("the pool does not consist of the valid CA: %v", err)
	}
}

// TestPair verifies which pairs of files are accepted, and the errors for the others.
func TestPair(t *testing.T) {
	ca := testtool.NewCA(t, "root")
	inner := ca.Intermediate(t, "inner")
	ec, rsa := ca.Issue(t, testtool.Leaf{Client: true}), ca.Issue(t, testtool.Leaf{RSA: true})
	chained := inner.Issue(t, testtool.Leaf{})
	past := ca.Issue(t, testtool.Leaf{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	future := ca.Issue(t, testtool.Leaf{NotBefore: time.Now().Add(time.Hour)})
	const encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
	const oldEncrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	for _, tt := range []struct {
		name, cert, key string
		says            string // "" if the pair is accepted
		ofKey           bool
	}{
		{"EC", ec.CertFile, ec.KeyFile, "", false},
		{"RSA", rsa.CertFile, rsa.KeyFile, "", false},
		{"a chain", chained.CertFile, chained.KeyFile, "", false},
		{"both in one file", ec.BothFile, ec.BothFile, "", false},
		{"no certificate file", "/nonexistent/cert.pem", ec.KeyFile, "cannot read /nonexistent/cert.pem: no such file", false},
		{"no key file", ec.CertFile, "/nonexistent/key.pem", "cannot read /nonexistent/key.pem: no such file", true},
		{"exchanged", ec.KeyFile, ec.CertFile, ec.KeyFile + " contains a private key, not a certificate", false},
		{"a certificate twice", ec.CertFile, ec.CertFile, ec.CertFile + " contains a certificate, not a private key", true},
		{"no key in it", ec.CertFile, write(t, "secret"), "file.pem contains no private key: expected PEM", true},
		{"another key", ec.CertFile, chained.KeyFile, "does not match the certificate in " + ec.CertFile, true},
		{"a key of another kind", ec.CertFile, rsa.KeyFile, "does not match the certificate in " + ec.CertFile, true},
		{"the CA first", write(t, "", ca.File, ec.CertFile), ec.KeyFile, "wrong order in ", false},
		{"a key with a passphrase", ec.CertFile, write(t, encrypted), "is encrypted: expected a key without a passphrase", true},
		{"an older key with a passphrase", ec.CertFile, write(t, oldEncrypted), "is encrypted: expected a key without a passphrase", true},
		{"a damaged key", ec.CertFile, write(t, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "invalid private key in ", true},
		{"expired", past.CertFile, past.KeyFile, "expired on " + day(past.Pair.Leaf.NotAfter), false},
		{"not yet valid", future.CertFile, future.KeyFile, "is not valid before " + day(future.Pair.Leaf.NotBefore), false},
	} {
		pair, err := Pair(tt.cert, tt.key, time.Now())
		_, ofKey := errors.AsType[*KeyError](err)
		switch {
		case tt.says == "" && (err != nil || pair.PrivateKey == nil):
			t.Errorf("%s: %v", tt.name, err)
		case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || ofKey != tt.ofKey):
			t.Errorf("%s: %v (of the key: %v), want %q", tt.name, err, ofKey, tt.says)
		}
	}
	if pair, err := Pair(chained.CertFile, chained.KeyFile, time.Now()); err != nil || len(pair.Certificate) != 2 {
		t.Errorf("a chain of %d certificates, %v", len(pair.Certificate), err)
	}
}
