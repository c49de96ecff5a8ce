package store

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/natstest"
)

// TestServersAreChecked verifies the errors of New for invalid Servers.
func TestServersAreChecked(t *testing.T) {
	for _, tt := range []struct {
		name    string
		servers Servers
		says    string
	}{
		{"none", Servers{}, "at least one NATS server"},
		{"another scheme", Servers{URLs: []string{"http://hub:4222"}}, "nats:// or tls://"},
		{"no scheme", Servers{URLs: []string{"hub:4222"}}, "form nats://host:4222"},
		{"no host", Servers{URLs: []string{"nats://:4222"}}, "has no host"},
		{"no URL", Servers{URLs: []string{"nats://a b:c@d:e"}}, "cannot be parsed"},
		{"half a certificate", Servers{URLs: []string{"nats://hub"}, CertFile: "/dev/null"}, "requires its key"},
		{"no such file", Servers{URLs: []string{"nats://hub"}, CredentialsFile: "/nonexistent.creds"}, "/nonexistent.creds"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Options{Servers: tt.servers})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}

// certificates are the files of a CA, a server and a client.
type certificates struct{ ca, serverCert, serverKey, clientCert, clientKey string }

func newCertificates(t *testing.T) (c certificates) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	serial := int64(0)
	issue := func(name string, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, string, string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		serial++
		cert := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: parent == nil,
			KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if parent == nil {
			parent, signer = cert, key
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key, write(name+".pem", "CERTIFICATE", der), write(name+".key", "EC PRIVATE KEY", secret)
	}
	ca, caKey, caFile, _ := issue("ca", nil, nil)
	c.ca = caFile
	_, _, c.serverCert, c.serverKey = issue("server", ca, caKey)
	_, _, c.clientCert, c.clientKey = issue("client", ca, caKey)
	return c
}

// newCredentials returns a user's credentials file in the format of nsc, and the server
// configuration that accepts the user.
func newCredentials(t *testing.T) (file string, config string) {
	t.Helper()
	pair := func(make func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		k, err := make()
		if err != nil {
			t.Fatal(err)
		}
		public, err := k.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return k, public
	}
	operator, operatorKey := pair(nkeys.CreateOperator)
	account, accountKey := pair(nkeys.CreateAccount)
	_, systemKey := pair(nkeys.CreateAccount)
	user, userKey := pair(nkeys.CreateUser)
	accountClaims := jwt.NewAccountClaims(accountKey)
	accountClaims.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	encode := func(claims interface {
		Encode(nkeys.KeyPair) (string, error)
	}, by nkeys.KeyPair) string {
		token, err := claims.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	operatorClaims := jwt.NewOperatorClaims(operatorKey)
	operatorClaims.SystemAccount = systemKey
	operatorJWT, accountJWT, systemJWT := encode(operatorClaims, operator), encode(accountClaims, operator), encode(jwt.NewAccountClaims(systemKey), operator)
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(encode(jwt.NewUserClaims(userKey), account), seed)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(file, creds, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload: { %s: %s, %s: %s }", operatorJWT, accountKey, accountJWT, systemKey, systemJWT)
}

// reaches runs a Store until it has found the stream or reports trouble, and returns its status.
func reaches(t *testing.T, servers Servers) Status {
	t.Helper()
	r, err := New(Options{Servers: servers, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server, err := ssed.New(ssed.Options{Store: r})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- r.Serve(server.StoreSink()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for s := r.Status(); ; s = r.Status() {
		if s.Reached || s.Trouble != "" || ctx.Err() != nil {
			if err := r.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
			if err := server.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			return s
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestServersAuthenticate verifies TLS with certificates on both sides, and a user's credentials,
// at a real server that requires all of them.
func TestServersAuthenticate(t *testing.T) {
	certs := newCertificates(t)
	creds, config := newCredentials(t)
	natsServer := natstest.Start(t, config,
		fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }", certs.serverCert, certs.serverKey, certs.ca))
	whole := Servers{
		URLs:            []string{"tls://127.0.0.1:1", strings.Replace(natsServer.URL, "nats:", "tls:", 1)}, // the first is down
		CredentialsFile: creds, CAFile: certs.ca, CertFile: certs.clientCert, KeyFile: certs.clientKey,
	}
	if s := reaches(t, whole); !s.Reached || !s.Connected {
		t.Errorf("with everything that is required: %+v", s)
	}
	for _, tt := range []struct {
		name string
		with func(*Servers)
		says string
	}{
		{"no credentials", func(s *Servers) { s.CredentialsFile = "" }, "uthorization"},
		{"an unknown signer", func(s *Servers) { s.CAFile = "" }, "certificate"},
		{"no certificate", func(s *Servers) { s.CertFile, s.KeyFile = "", "" }, "tls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			servers := whole
			servers.URLs = whole.URLs[1:]
			tt.with(&servers)
			if s := reaches(t, servers); s.Reached || !strings.Contains(s.Trouble, tt.says) {
				t.Errorf("got %+v", s)
			}
		})
	}
}
