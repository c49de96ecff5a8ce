package publish

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/certs"
	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// TestDialTLS verifies that messages and tokens arrive through TLS, with the versions 1.2 and 1.3,
// with EC and RSA keys, and with a chain of certificates.
func TestDialTLS(t *testing.T) {
	ca := testtool.NewCA(t, "our CA")
	server := serve(t, &guarded, &locked{})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, cert := range map[string]*testtool.Cert{
			"EC":      ca.Issue(t, testtool.Leaf{}),
			"RSA":     ca.Issue(t, testtool.Leaf{RSA: true}),
			"a chain": ca.Intermediate(t, "inner CA").Issue(t, testtool.Leaf{}),
		} {
			t.Run(tls.VersionName(version)+" "+name, func(t *testing.T) {
				config := testtool.ServerConfig(cert)
				config.MinVersion, config.MaxVersion = version, version
				url := "tls://" + testtool.StartTLS(t, server, config)
				c := dial(t, url, WithToken("all"), WithTLS(&tls.Config{RootCAs: ca.Pool()}))
				for range 3 {
					if _, err := c.Publish(t.Context(), sse.Message{Namespace: "/pets", Data: make([]byte, 40<<10)}); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestDialTLSOptions verifies the fields of a TLS configuration: another name, a client
// certificate, and a minimum version that is lower than 1.2.
func TestDialTLSOptions(t *testing.T) {
	ca := testtool.NewCA(t, "our CA")
	server := serve(t, &open, &locked{})
	config := testtool.ServerConfig(ca.Issue(t, testtool.Leaf{Names: []string{"events.example.org"}}))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	url := "tls://" + testtool.StartTLS(t, server, config)
	client := &tls.Config{
		RootCAs:      ca.Pool(),
		ServerName:   "events.example.org",
		Certificates: []tls.Certificate{ca.Issue(t, testtool.Leaf{Client: true}).Pair},
	}
	dial(t, url, WithTLS(client)).Close()
	dial(t, server, WithTLS(client)).Close() // a unix socket, which ignores the configuration

	old := testtool.ServerConfig(ca.Issue(t, testtool.Leaf{}))
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	_, err := Dial(t.Context(), "tls://"+testtool.StartTLS(t, server, old), WithTLS(&tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS10}))
	if err == nil || !strings.Contains(err.Error(), "no version of TLS that this client accepts") {
		t.Errorf("a server with TLS 1.1: %v", err)
	}
}

// TestDialTLSFails verifies the errors of handshakes, for both clients.
func TestDialTLSFails(t *testing.T) {
	ca := testtool.NewCA(t, "our CA")
	server := serve(t, &open, &locked{})
	front := func(config *tls.Config) string { return "tls://" + testtool.StartTLS(t, server, config) }
	asks := testtool.ServerConfig(ca.Issue(t, testtool.Leaf{}))
	asks.ClientAuth, asks.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	good := front(testtool.ServerConfig(ca.Issue(t, testtool.Leaf{})))
	plain := testtool.Listen(t, func(conn net.Conn) {
		bufio.NewReader(conn).ReadByte()
		fmt.Fprint(conn, "ERR syntax unknown command\n")
		io.Copy(io.Discard, conn)
	}).Addr().String()
	trusting := &tls.Config{RootCAs: ca.Pool()}
	for _, tt := range []struct {
		name, url string
		config    *tls.Config
		says      string
	}{
		{"the system's CAs", good, nil, `: the server's certificate is signed by an unknown authority ("our CA")`},
		{"another name", good, &tls.Config{RootCAs: ca.Pool(), ServerName: "example.org"}, `: the server's certificate is for "localhost", "127.0.0.1", not for "example.org"`},
		{"no client certificate", front(asks), trusting, ": the server requires a client certificate"},
		{"no TLS", "tls://" + plain, trusting, ": the server does not use TLS: use tcp:// or http://"},
		{"nothing listens", "tls://" + testtool.FreePort(t), trusting, ": connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := "cannot connect to " + tt.url + tt.says
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if c, err := Dial(ctx, tt.url, WithTLS(tt.config)); err == nil || err.Error() != want {
				t.Errorf("Dial: %v, %v, want %s", c, err, want)
			}
			if c, err := DialRetry(ctx, tt.url, RetryOptions{TLS: tt.config}); err == nil || err.Error() != want {
				t.Errorf("DialRetry: %v, %v, want %s", c, err, want)
			}
		})
	}
	_, err := Dial(t.Context(), good)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("%v has no x509.UnknownAuthorityError", err)
	}
}

// TestDialTLSInTime verifies that the context of Dial also limits the handshake.
func TestDialTLSInTime(t *testing.T) {
	silent := testtool.Listen(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	url := "tls://" + silent.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Dial(ctx, url)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the server did not answer the TLS handshake in time") {
		t.Errorf("after a deadline: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Dial(ctx, url); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancellation: %v", err)
	}
}

// TestRetryClientTLS verifies that a RetryClient survives lost TLS connections, and reports a
// certificate that is no longer accepted as the reason of a Loss.
func TestRetryClientTLS(t *testing.T) {
	ca := testtool.NewCA(t, "our CA")
	good, wrong := ca.Issue(t, testtool.Leaf{}), ca.Issue(t, testtool.Leaf{Names: []string{"example.org"}})
	var serving atomic.Pointer[tls.Certificate] // of the next handshake
	serving.Store(&good.Pair)
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return serving.Load(), nil }}
	network := testtool.StartProxy(t, "http://"+testtool.StartTLS(t, serve(t, &open, &locked{}), config))
	losses := make(chan Loss, 100)
	r, err := DialRetry(t.Context(), "tls://"+strings.TrimPrefix(network.URL, "http://"), RetryOptions{
		TLS:  &tls.Config{RootCAs: ca.Pool()},
		Lost: func(l Loss) { losses <- l },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	publish := func(data string) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if _, err := r.Publish(ctx, sse.Message{Namespace: "/pets", Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	publish("before")
	serving.Store(&wrong.Pair) // before the loss, after which the client connects again
	network.Cut()
	if l := <-losses; l.Err.Error() != "the server closed the connection" {
		t.Errorf("lost: %v", l.Err)
	}
	if l := <-losses; l.Err.Error() != `the server's certificate is for "example.org", not for "127.0.0.1"` {
		t.Errorf("reconnecting: %v", l.Err)
	}
	serving.Store(&good.Pair)
	publish("after")
}

// TestCauseOfHandshake verifies that a Loss says that the handshake failed, and not only that the
// connection was closed or that time was up.
func TestCauseOfHandshake(t *testing.T) {
	for _, err := range []error{io.EOF, context.DeadlineExceeded} {
		reason, _ := certs.HandshakeReason(err)
		failed := &dialError{"connect", listen.Endpoint{Network: "tls", Address: "localhost:8003"}, reason}
		if got := cause(failed); got != reason || !strings.Contains(got.Error(), "TLS handshake") {
			t.Errorf("%v: %v", err, got)
		}
	}
	if got := cause(&endedError{io.ErrUnexpectedEOF}); got.Error() != "the server closed the connection" {
		t.Errorf("a connection without close_notify: %v", got)
	}
}
