package main

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// A tlsSite is a daemon with a proxy that ends TLS in front of each of its addresses.
type tlsSite struct {
	daemon             *testtool.Daemon
	publish, subscribe string // host:port of the proxies
}

// startTLS starts a daemon whose history contains a message, and the proxies with a configuration.
func startTLS(t *testing.T, config *tls.Config) tlsSite {
	t.Helper()
	d := testtool.Start(t, "--history=10")
	run(t, nil, toOf(d), "pub", "/pets", "first").wantSuccess(t)
	return tlsSite{d, testtool.StartTLS(t, d.Publish[0], config), testtool.StartTLS(t, d.Subscribe[0], config)}
}

// with returns the same daemon behind proxies with another configuration.
func (s tlsSite) with(t *testing.T, config *tls.Config) tlsSite {
	t.Helper()
	return tlsSite{s.daemon, testtool.StartTLS(t, s.daemon.Publish[0], config), testtool.StartTLS(t, s.daemon.Subscribe[0], config)}
}

// A tlsClient is a command that connects to a daemon, in a form that ends.
type tlsClient struct {
	name  string
	stdin string
	args  func(s tlsSite) []string
	says  string // in its output
}

var tlsClients = []tlsClient{
	{"pub", "", func(s tlsSite) []string { return []string{"pub", "--to=tls://" + s.publish, "/pets", "Corgi"} }, ""},
	{"pub, a feed", "a\nb\n", func(s tlsSite) []string { return []string{"pub", "--to=tls://" + s.publish, "/pets"} }, ""},
	{"pub, strictly", "a\nb\n", func(s tlsSite) []string { return []string{"pub", "--strict", "--to=tls://" + s.publish, "/pets"} }, ""},
	{"sub", "", func(s tlsSite) []string {
		return []string{"sub", "--count=1", "--last=1", "https://" + s.subscribe, "/pets"}
	}, " message: "},
	{"top", "", func(s tlsSite) []string { return []string{"top", "--once", "https://" + s.subscribe} }, "https://"},
	{"doctor", "", func(s tlsSite) []string {
		return []string{"doctor", "--idle=1s", "--publish=tls://" + s.publish, "https://" + s.subscribe, "/pets"}
	}, "tls          TLS 1.3, no protocol chosen (ALPN); the certificate expires in 89 days, on "},
	{"healthcheck", "", func(s tlsSite) []string { return []string{"healthcheck", "https://" + s.subscribe} }, "is healthy: serving"},
}

// run runs the command with more flags.
func (c tlsClient) run(t *testing.T, s tlsSite, env []string, flags ...string) result {
	t.Helper()
	args := c.args(s)
	args = append(args[:1:1], append(flags, args[1:]...)...)
	return run(t, strings.NewReader(c.stdin), env, args...)
}

// wantFailure runs the command, and expects that it fails with these words. The doctor prints them
// as a finding.
func (c tlsClient) wantFailure(t *testing.T, s tlsSite, says string, flags ...string) {
	t.Helper()
	t.Run(c.name, func(t *testing.T) {
		r := c.run(t, s, nil, flags...)
		if r.code != exitFailure || !strings.Contains(r.stdout+r.stderr, says) || strings.Contains(r.stdout, "is healthy") {
			t.Errorf("exit code %d, want 1 and %q:\n%s%s", r.code, says, r.stdout, r.stderr)
		}
	})
}

// wantSuccess runs the command, and expects that it succeeds.
func (c tlsClient) wantSuccess(t *testing.T, s tlsSite, env []string, flags ...string) {
	t.Helper()
	t.Run(c.name, func(t *testing.T) {
		r := c.run(t, s, env, flags...)
		if r.code != 0 || !strings.Contains(r.stdout, c.says) {
			t.Errorf("exit code %d, want 0 and %q:\n%s%s", r.code, c.says, r.stdout, r.stderr)
		}
	})
}

// TestClientsSpeakTLS verifies that every command trusts the CA of --ca-file, SSED_CA_FILE and the
// system, and accepts a chain of certificates.
func TestClientsSpeakTLS(t *testing.T) {
	t.Parallel()
	ca := testtool.NewCA(t, "our CA")
	s := startTLS(t, testtool.ServerConfig(ca.Intermediate(t, "inner CA").Issue(t, testtool.Leaf{RSA: true})))
	for _, c := range tlsClients {
		c.wantSuccess(t, s, nil, "--ca-file="+ca.File)
		c.wantSuccess(t, s, []string{"SSED_CA_FILE=" + ca.File})
		c.wantSuccess(t, s, []string{"SSL_CERT_FILE=" + ca.File}) // package crypto/x509 reads the system's CAs from it
	}
}

// TestClientsVerifyTheServer verifies that every command refuses a certificate that it cannot
// trust, and explains the reason.
func TestClientsVerifyTheServer(t *testing.T) {
	t.Parallel()
	ca, other := testtool.NewCA(t, "our CA"), testtool.NewCA(t, "another CA")
	past := time.Now().Add(-time.Hour)
	expired := ca.Issue(t, testtool.Leaf{NotBefore: past.Add(-time.Hour), NotAfter: past})
	s := startTLS(t, testtool.ServerConfig(ca.Issue(t, testtool.Leaf{})))
	elsewhere := s.with(t, testtool.ServerConfig(ca.Issue(t, testtool.Leaf{Names: []string{"example.org"}})))
	old := s.with(t, testtool.ServerConfig(expired))
	for _, c := range tlsClients {
		c.wantFailure(t, s, `the server's certificate is signed by an unknown authority ("our CA"); to trust it, use --ca-file`)
		c.wantFailure(t, s, `the server's certificate is signed by an unknown authority ("our CA"); to trust it, use --ca-file`, "--ca-file="+other.File)
		c.wantFailure(t, elsewhere, `the server's certificate is for "example.org", not for "127.0.0.1"`, "--ca-file="+ca.File)
		c.wantFailure(t, old, "the server's certificate expired on "+past.UTC().Format("2006-01-02 15:04"), "--ca-file="+ca.File)
	}
}

// TestClientsHaveCertificates verifies that every command sends a client certificate, and explains
// that it is missing or refused.
func TestClientsHaveCertificates(t *testing.T) {
	t.Parallel()
	ca, strangers := testtool.NewCA(t, "our CA"), testtool.NewCA(t, "strangers")
	config := testtool.ServerConfig(ca.Issue(t, testtool.Leaf{}))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	s := startTLS(t, config)
	mine, theirs := ca.Intermediate(t, "inner CA").Issue(t, testtool.Leaf{Client: true}), strangers.Issue(t, testtool.Leaf{Client: true})
	flags := func(c *testtool.Cert) []string {
		return []string{"--ca-file=" + ca.File, "--cert-file=" + c.CertFile, "--key-file=" + c.KeyFile}
	}
	for _, c := range tlsClients {
		c.wantSuccess(t, s, nil, flags(mine)...)
		c.wantSuccess(t, s, []string{"SSED_CA_FILE=" + ca.File, "SSED_CERT_FILE=" + mine.CertFile, "SSED_KEY_FILE=" + mine.KeyFile})
		c.wantFailure(t, s, "the server requires a client certificate; set it with --cert-file and --key-file", "--ca-file="+ca.File)
		c.wantFailure(t, s, "the server refuses the client certificate: it does not trust its CA", flags(theirs)...)
	}
}

// TestClientsNameTheWrongScheme verifies the errors for an address with TLS of a server without it,
// and the reverse.
func TestClientsNameTheWrongScheme(t *testing.T) {
	t.Parallel()
	s := startTLS(t, testtool.ServerConfig(testtool.NewCA(t, "our CA").Issue(t, testtool.Leaf{})))
	publish, subscribe := strings.TrimPrefix(s.daemon.Publish[0], "tcp://"), strings.TrimPrefix(s.daemon.Subscribe[0], "http://")
	plain := tlsSite{s.daemon, publish, subscribe}
	for _, c := range tlsClients {
		// The daemon does not answer the few handshakes without a byte of the value 10. Then the
		// error is "does it use TLS?".
		c.wantFailure(t, plain, "use TLS")
	}
	for _, args := range [][]string{
		{"pub", "--to=tcp://" + s.publish, "/pets", "Corgi"},
		{"sub", "http://" + s.subscribe, "/pets"},
		{"top", "--once", "http://" + s.subscribe},
		{"healthcheck", "http://" + s.subscribe},
	} {
		run(t, nil, nil, args...).wantFailure(t, exitFailure, "if it uses TLS, use ")
	}
}

// TestTLSFlags verifies the errors of the flags, in every command that has them.
func TestTLSFlags(t *testing.T) {
	t.Parallel()
	ca := testtool.NewCA(t, "our CA")
	one, two := ca.Issue(t, testtool.Leaf{Client: true}), ca.Issue(t, testtool.Leaf{Client: true})
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	expired := ca.Issue(t, testtool.Leaf{Client: true, NotBefore: past.Add(-time.Hour), NotAfter: past})
	unborn := ca.Issue(t, testtool.Leaf{Client: true, NotBefore: future})
	pair := func(cert, key string) []string { return []string{"--cert-file=" + cert, "--key-file=" + key} }
	const nowhere = "127.0.0.1:1"
	secure, plain := tlsSite{publish: nowhere, subscribe: nowhere}, strings.NewReplacer("tls://", "tcp://", "https://", "http://")
	for i, tt := range []struct {
		flags []string
		says  string
	}{
		{[]string{"--ca-file=/nonexistent"}, "--ca-file: cannot read /nonexistent: no such file or directory"},
		{[]string{"--ca-file=" + one.KeyFile}, "--ca-file: " + one.KeyFile + " contains a private key, not a certificate"},
		{[]string{"--cert-file=" + one.CertFile}, "--cert-file: requires --key-file"},
		{[]string{"--key-file=" + one.KeyFile}, "--key-file: requires --cert-file"},
		{pair("/nonexistent", one.KeyFile), "--cert-file: cannot read /nonexistent: no such file or directory"},
		{pair(one.CertFile, "/nonexistent"), "--key-file: cannot read /nonexistent: no such file or directory"},
		{pair(one.CertFile, one.CertFile), "--key-file: " + one.CertFile + " contains a certificate, not a private key"},
		{pair(one.CertFile, two.KeyFile), "--key-file: the private key in " + two.KeyFile + " does not match the certificate in " + one.CertFile},
		{pair(expired.CertFile, expired.KeyFile), "--cert-file: the certificate in " + expired.CertFile + " expired on " + past.UTC().Format("2006-01-02 15:04")},
		{pair(unborn.CertFile, unborn.KeyFile), "--cert-file: the certificate in " + unborn.CertFile + " is not valid before " + future.UTC().Format("2006-01-02 15:04")},
	} {
		for _, c := range tlsClients {
			if i == 0 || c.name == "pub" { // one function checks the flags of all commands
				c.wantUsage(t, secure, tt.says, tt.flags...)
			}
		}
	}
	for _, c := range tlsClients {
		withoutTLS := c
		withoutTLS.args = func(s tlsSite) []string {
			args := c.args(s)
			for i := range args {
				args[i] = plain.Replace(args[i])
			}
			return args
		}
		withoutTLS.wantUsage(t, secure, "--ca-file: only for https:// and tls:// addresses, not for ", "--ca-file="+ca.File)
		r := withoutTLS.run(t, secure, []string{"SSED_CA_FILE=/nonexistent", "SSED_CERT_FILE=/nonexistent"})
		if r.code != exitFailure || !strings.Contains(r.stdout+r.stderr, "connection refused") {
			t.Errorf("%s, with variables: %+v", c.name, r)
		}
	}
}

// wantUsage runs the command, and expects the exit code for an invalid command line.
func (c tlsClient) wantUsage(t *testing.T, s tlsSite, says string, flags ...string) {
	t.Helper()
	code := exitUsage
	if c.name == "healthcheck" {
		code = exitFailure
	}
	c.run(t, s, nil, flags...).wantFailure(t, code, says)
}
