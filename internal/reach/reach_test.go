package reach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestReason verifies the explanation of the errors that net/http returns for common mistakes.
func TestReason(t *testing.T) {
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	publishers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer publishers.Close()
	go func() {
		for {
			conn, err := publishers.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 1024))
			fmt.Fprint(conn, "ERR syntax unknown command\n")
			conn.Close()
		}
	}()
	for _, tt := range []struct{ url, want string }{
		{"http://" + publishers.Addr().String(), errNoHTTP.Error()},
		{"https://" + strings.TrimPrefix(page.URL, "http://"), errNoTLS.Error()},
		{"http://127.0.0.1:1/?token=secret", "connection refused"},
		{"http://nope.invalid", "no such host: nope.invalid"},
	} {
		if _, err := http.Get(tt.url); err == nil || Reason(err).Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.url, err, tt.want)
		}
		request, err := http.NewRequest(http.MethodGet, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&http.Transport{}).RoundTrip(request); err == nil || Reason(err).Error() != tt.want {
			t.Errorf("%s, without a client: %v, want %s", tt.url, err, tt.want)
		}
	}
	if got := Reason(context.DeadlineExceeded); got != context.DeadlineExceeded {
		t.Errorf("got %v", got)
	}
}

// TestReasonOfTLS verifies the explanation of the errors that net/http returns for servers that use
// TLS, or for servers that should and do not.
func TestReasonOfTLS(t *testing.T) {
	ca := testtool.NewCA(t, "our CA")
	page := func(config *tls.Config) string {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS = config
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	asks := testtool.ServerConfig(ca.Issue(t, testtool.Leaf{}))
	asks.ClientAuth, asks.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	good := page(testtool.ServerConfig(ca.Issue(t, testtool.Leaf{})))
	says := func(text string) string {
		return testtool.Listen(t, func(conn net.Conn) {
			defer conn.Close()
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, text)
		}).Addr().String()
	}
	silent := testtool.Listen(t, func(conn net.Conn) { io.Copy(io.Discard, conn) }).Addr().String()
	for _, tt := range []struct {
		name, url string
		pool      *x509.CertPool
		want      string
	}{
		{"a private CA", "https://" + good, nil, `the server's certificate is signed by an unknown authority ("our CA"); to trust it, use --ca-file`},
		{"another name", "https://" + page(testtool.ServerConfig(ca.Issue(t, testtool.Leaf{Names: []string{"example.org"}}))), ca.Pool(), `the server's certificate is for "example.org", not for "127.0.0.1"`},
		{"a client certificate", "https://" + page(asks), ca.Pool(), "the server requires a client certificate; set it with --cert-file and --key-file"},
		{"a TLS alert", "http://" + says("\x15\x03\x01\x00\x02\x02\x16"), nil, ErrWantsTLS.Error()},
		{"a close", "http://" + says(""), nil, errClosed.Error()},
		{"silence", "https://" + silent, nil, errSilent.Error()},
		{"a line", "https://" + says("ERR syntax\n"), nil, errNoTLS.Error()},
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: tt.pool}, TLSHandshakeTimeout: 100 * time.Millisecond}
		if tt.name != "silence" {
			transport.TLSHandshakeTimeout = testtool.Patience
		}
		_, err := (&http.Client{Transport: transport}).Get(tt.url)
		if err == nil || Reason(err).Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, Reason(err), tt.want)
		}
	}
	if err := errors.New("no"); Advise(err) != err {
		t.Errorf("%v", Advise(err))
	}
}

// TestAdviseTLS verifies which errors get the advice to use TLS.
func TestAdviseTLS(t *testing.T) {
	for _, tt := range []struct {
		err       error
		url, want string
	}{
		{errClosed, "http://localhost:8001", errClosed.Error() + "; if it uses TLS, use https://"},
		{fmt.Errorf("lost: %w", io.EOF), "tcp://localhost:8002", "lost: EOF; if it uses TLS, use tls://"},
		{syscall.ECONNRESET, "http://localhost:8001", "connection reset by peer; if it uses TLS, use https://"},
		{errClosed, "https://localhost:8001", errClosed.Error()},
		{io.EOF, "unix:///run/s", "EOF"},
		{syscall.ECONNREFUSED, "http://localhost:8001", "connection refused"},
	} {
		if got := AdviseTLS(tt.err, tt.url); got.Error() != tt.want || !errors.Is(got, tt.err) {
			t.Errorf("%v of %s: %v", tt.err, tt.url, got)
		}
	}
}
