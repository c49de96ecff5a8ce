package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// shake connects to a server, and returns the error of its handshake or of the first read. Only
// that read reports a refused client certificate in TLS 1.3.
func shake(t *testing.T, address string, config *tls.Config) error {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	config.ServerName = "localhost"
	client := tls.Client(conn, config)
	ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
	defer cancel()
	if err := client.HandshakeContext(ctx); err != nil {
		return err
	}
	conn.SetReadDeadline(time.Now().Add(testtool.Patience))
	_, err = client.Read(make([]byte, 1))
	return err
}

// serveTLS answers handshakes, and closes each connection after its first byte.
func serveTLS(t *testing.T, config *tls.Config) (address string) {
	return testtool.Listen(t, func(conn net.Conn) {
		defer conn.Close()
		server := tls.Server(conn, config)
		if server.Handshake() == nil {
			server.Close()
			return
		}
		io.Copy(io.Discard, conn) // a close with unread bytes could reset the connection before the alert arrives
	}).Addr().String()
}

// TestReason verifies the explanations of the errors of real handshakes, with TLS 1.2 and 1.3.
func TestReason(t *testing.T) {
	ca, strangers := testtool.NewCA(t, "our CA"), testtool.NewCA(t, "strangers \x1b[31m")
	inner := ca.Intermediate(t, "inner CA")
	hour := time.Hour
	past, future := time.Now().Add(-hour), time.Now().Add(2*hour)
	expired := ca.Issue(t, testtool.Leaf{NotBefore: past.Add(-hour), NotAfter: past})
	unborn := ca.Issue(t, testtool.Leaf{NotBefore: future})
	withoutChain := testtool.ServerConfig(inner.Issue(t, testtool.Leaf{}))
	withoutChain.Certificates[0].Certificate = withoutChain.Certificates[0].Certificate[:1]
	const many = "a.example.org b.example.org c.example.org d.example.org e.example.org f.example.org g.example.org"

	ours := testtool.ServerConfig(ca.Issue(t, testtool.Leaf{}))
	asks := ours.Clone()
	asks.ClientAuth, asks.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	client := func(signer *testtool.CA, l testtool.Leaf) *tls.Config {
		l.Client = true
		pair := signer.Issue(t, l).Pair
		return &tls.Config{RootCAs: ca.Pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }}
	}
	trusting := &tls.Config{RootCAs: ca.Pool()}
	for _, tt := range []struct {
		name           string
		server, client *tls.Config
		says12, says13 string // in TLS 1.2; in TLS 1.3, if it is different
	}{
		{"unknown authority", testtool.ServerConfig(strangers.Issue(t, testtool.Leaf{})), trusting, `the server's certificate is signed by an unknown authority ("strangers \x1b[31m")`, ""},
		{"a missing intermediate", withoutChain, trusting, `the server's certificate is signed by an unknown authority ("inner CA")`, ""},
		{"an expired intermediate", testtool.ServerConfig(ca.ExpiredIntermediate(t, "old CA").Issue(t, testtool.Leaf{})), trusting, `the certificate of the server's CA ("old CA") expired on `, ""},
		{"a CA with a new key", testtool.ServerConfig(testtool.NewCA(t, "our CA").Issue(t, testtool.Leaf{})), trusting, `signed by an unknown authority ("our CA"), possibly because of "x509: ECDSA verification failure`, ""},
		{"another name", testtool.ServerConfig(ca.Issue(t, testtool.Leaf{Names: []string{"example.org", "192.0.2.1"}})), trusting, `the server's certificate is for "example.org", "192.0.2.1", not for "localhost"`, ""},
		{"other names", testtool.ServerConfig(ca.Issue(t, testtool.Leaf{Names: strings.Fields(many)})), trusting, `"d.example.org", "e.example.org", 2 more, not for "localhost"`, ""},
		{"no name", testtool.ServerConfig(ca.Issue(t, testtool.Leaf{Names: []string{}})), trusting, `the server's certificate contains no name (subject alternative name), so it is not valid for "localhost"`, ""},
		{"expired", testtool.ServerConfig(expired), trusting, "the server's certificate expired on " + day(past), ""},
		{"not yet valid", testtool.ServerConfig(unborn), trusting, "the server's certificate is not valid before " + day(future) + "; is the clock of this machine right?", ""},
		{"no client certificate", asks, trusting, "the server refuses the TLS handshake: it may require a client certificate", "the server requires a client certificate"},
		{"a stranger's client certificate", asks, client(strangers, testtool.Leaf{}), "the server refuses the client certificate: it does not trust its CA", ""},
		{"an expired client certificate", asks, client(ca, testtool.Leaf{NotBefore: past.Add(-hour), NotAfter: past}), "the server refuses the client certificate: it has expired", ""},
		{"no common version", &tls.Config{Certificates: ours.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, trusting, "the server supports no version of TLS that this client accepts (1.2 or later)", ""},
		{"no certificate for the name", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }}, trusting, "remote error: tls: ", ""},
	} {
		for version, says := range map[uint16]string{tls.VersionTLS12: tt.says12, tls.VersionTLS13: tt.says13} {
			if says == "" {
				says = tt.says12
			}
			t.Run(tt.name+", "+tls.VersionName(version), func(t *testing.T) {
				config := tt.client.Clone()
				config.MaxVersion = version
				err := shake(t, serveTLS(t, tt.server), config)
				if err == nil || err == io.EOF {
					t.Fatalf("the handshake succeeded: %v", err)
				}
				reason, ok := Reason(fmt.Errorf("around it: %w", err))
				if !strings.Contains(reason.Error(), says) {
					t.Errorf("%q, %v, want %q", reason, ok, says)
				}
				if ok && !errors.Is(reason, err) {
					t.Errorf("%q does not wrap %q", reason, err)
				}
				if again, _ := Reason(fmt.Errorf("around: %w", reason)); ok && again != reason {
					t.Errorf("explained twice: %q", again)
				}
				if got, want := RequiresCertificate(reason), tt.name == "no client certificate"; got != want {
					t.Errorf("RequiresCertificate is %v", got)
				}
			})
		}
	}
}

// TestReasonOfSelfSigned verifies the explanation for a certificate that no CA has signed.
func TestReasonOfSelfSigned(t *testing.T) {
	ca := testtool.NewCA(t, "a device")
	server := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	err := shake(t, serveTLS(t, server), &tls.Config{RootCAs: ca.Pool()})
	reason, ok := Reason(err)
	if !ok || reason.Error() != "the server's certificate is self-signed, and this client does not trust it" {
		t.Errorf("%v, %v", reason, ok)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](reason); !ok {
		t.Error("the type of the original error is lost")
	}
}

// TestHandshakeReason verifies the explanations for servers that do not speak TLS or do not answer.
func TestHandshakeReason(t *testing.T) {
	speaks := func(text string) string {
		return testtool.Listen(t, func(conn net.Conn) {
			conn.Read(make([]byte, 1))
			fmt.Fprint(conn, text)
			io.Copy(io.Discard, conn)
		}).Addr().String()
	}
	closes := testtool.Listen(t, func(conn net.Conn) { conn.Read(make([]byte, 4096)); conn.Close() }).Addr().String()
	trusting := &tls.Config{}
	for _, tt := range []struct{ name, address, says string }{
		{"a line", speaks("ERR syntax unknown command\n"), "the server does not use TLS: use tcp:// or http://"},
		{"HTTP", speaks("HTTP/1.1 400 Bad Request\r\n\r\n"), "the server does not use TLS: use tcp:// or http://"},
		{"closed", closes, "the server closed the connection during the TLS handshake; does it use TLS?"},
	} {
		reason, ok := HandshakeReason(shake(t, tt.address, trusting.Clone()))
		if !ok || reason.Error() != tt.says {
			t.Errorf("%s: %v, %v, want %s", tt.name, reason, ok, tt.says)
		}
	}
	reason, ok := HandshakeReason(context.DeadlineExceeded)
	if !ok || !errors.Is(reason, context.DeadlineExceeded) || reason.Error() != Silence {
		t.Errorf("%v, %v", reason, ok)
	}
	for _, other := range []error{context.Canceled, errors.New("tls: something else"), &net.OpError{Op: "remote error", Err: tls.AlertError(99)}} {
		if reason, ok := HandshakeReason(other); ok || reason != other {
			t.Errorf("%v: %v", other, reason)
		}
	}
}
