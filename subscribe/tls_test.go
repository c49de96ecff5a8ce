package subscribe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// secured starts a server with a TLS configuration and HTTP/2.
func secured(t *testing.T, config *tls.Config, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS, s.EnableHTTP2 = config, true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// TestRunOverTLS verifies that Run trusts the configured CA, sends the client certificate, and uses
// HTTP/2.
func TestRunOverTLS(t *testing.T) {
	ca := testtool.NewCA(t, "our CA")
	config := testtool.ServerConfig(ca.Issue(t, testtool.Leaf{}))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	s := secured(t, config, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data:"+r.Proto+" from "+r.TLS.PeerCertificates[0].Subject.CommonName+"\n\n")
	})
	got, enough := "", errors.New("enough")
	err := Run(t.Context(), Options{
		URL:   s.URL,
		TLS:   &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{ca.Issue(t, testtool.Leaf{Client: true}).Pair}},
		Event: func(e sse.Event) error { got = e.Data; return enough },
	})
	if err != enough || got != "HTTP/2.0 from leaf of our CA" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestRunFailsOverTLS verifies the errors of the first attempt.
func TestRunFailsOverTLS(t *testing.T) {
	ca := testtool.NewCA(t, "our CA")
	past := time.Now().Add(-time.Hour)
	expired := ca.Issue(t, testtool.Leaf{NotBefore: past.Add(-time.Hour), NotAfter: past})
	handler := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	good := secured(t, testtool.ServerConfig(ca.Issue(t, testtool.Leaf{})), handler)
	for _, tt := range []struct {
		name   string
		url    string
		config *tls.Config
		says   string
	}{
		{"the system's CAs", good.URL, nil, `the server's certificate is signed by an unknown authority ("our CA")`},
		{"another name", good.URL, &tls.Config{RootCAs: ca.Pool(), ServerName: "example.org"}, `the server's certificate is for "localhost", "127.0.0.1", not for "example.org"`},
		{"expired", secured(t, testtool.ServerConfig(expired), handler).URL, &tls.Config{RootCAs: ca.Pool()}, "the server's certificate expired on " + past.UTC().Format("2006-01-02 15:04 MST")},
		{"plain HTTP", "http://" + good.Listener.Addr().String(), nil, "the server uses TLS (400): use https://"},
	} {
		if err := Run(t.Context(), Options{URL: tt.url, TLS: tt.config}); err == nil || err.Error() != tt.says {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.says)
		}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](Run(t.Context(), Options{URL: good.URL})); !ok {
		t.Error("the type of the error is lost")
	}
}

// TestRefusalOfPlainHTTP verifies that the answers of TLS servers to plain HTTP are recognized.
func TestRefusalOfPlainHTTP(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   bool
	}{
		"Go":           {400, "Client sent an HTTP request to an HTTPS server.\n", true},
		"nginx":        {400, "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n", true},
		"Apache":       {400, "<!DOCTYPE HTML>\n<p>Your browser sent a request that this server could not understand.<br />\nReason: You're speaking plain HTTP to an SSL-enabled server port.<br />\n", true},
		"another 400":  {400, "invalid namespace\n", false},
		"another code": {403, "Client sent an HTTP request to an HTTPS server.\n", false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			io.WriteString(w, tt.body)
		}))
		defer s.Close()
		err := Run(t.Context(), Options{URL: s.URL})
		if refused, ok := errors.AsType[*Refusal](err); !ok || refused.WantsTLS != tt.want || refused.Status != tt.status {
			t.Errorf("%s: %v", name, err)
		}
	}
}
