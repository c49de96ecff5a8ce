package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestJudgeTLS verifies the finding for certificates with different lives, and which certificate
// of a chain counts.
func TestJudgeTLS(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	cert := func(life, left time.Duration) *x509.Certificate {
		return &x509.Certificate{NotBefore: now.Add(left - life), NotAfter: now.Add(left)}
	}
	root, year := cert(3650*day, 1000*day), cert(365*day, 200*day)
	for _, tt := range []struct {
		name    string
		chains  [][]*x509.Certificate
		warning bool
		says    string
	}{
		{"new", [][]*x509.Certificate{{cert(90*day, 89*day), root}}, false, "the certificate expires in 89 days, on 2027-02-28"},
		{"15 days", [][]*x509.Certificate{{cert(90*day, 15*day), root}}, false, "expires in 15 days, on 2026-12-16"},
		{"14 days", [][]*x509.Certificate{{cert(90*day, 14*day-time.Second), root}}, true, "expires in 13 days, on 2026-12-15"},
		{"an hour", [][]*x509.Certificate{{cert(90*day, 90*time.Minute), root}}, true, "expires in 1 hour, on 2026-12-01"},
		{"a short life", [][]*x509.Certificate{{cert(6*day, 3*day), root}}, false, "expires in 3 days"},
		{"the end of a short life", [][]*x509.Certificate{{cert(6*day, 47*time.Hour), root}}, true, "expires in 47 hours"},
		{"an old intermediate", [][]*x509.Certificate{{cert(90*day, 80*day), cert(1000*day, 2*day), root}}, true, "expires in 2 days"},
		{"an old root", [][]*x509.Certificate{{cert(90*day, 80*day), cert(1000*day, 3*day)}}, true, "expires in 3 days"},
		{"another chain", [][]*x509.Certificate{{year, cert(1000*day, 2*day)}, {year, root}}, false, "expires in 200 days"},
		{"not verified", nil, true, "TLS 1.2, no protocol chosen (ALPN); the certificate expires in 5 days"},
	} {
		state := &tls.ConnectionState{Version: tls.VersionTLS12, VerifiedChains: tt.chains, PeerCertificates: []*x509.Certificate{cert(90*day, 5*day)}}
		f := judgeTLS(state, now)
		if f.Check != "tls" || f.Bad || f.Warning != tt.warning || f.Warning != (f.Fix != nil) || !strings.Contains(f.Message, tt.says) {
			t.Errorf("%s: %+v, want %q", tt.name, f, tt.says)
		}
	}
}

// TestExamineTLS verifies the finding about a real connection, with HTTP/2 and with HTTP/1.1.
func TestExamineTLS(t *testing.T) {
	ca := testtool.NewCA(t, "our CA")
	for _, h2 := range []bool{false, true} {
		s := &server{allow: []string{"*"}}
		s.setDefaults()
		listening := httptest.NewUnstartedServer(s)
		listening.TLS = testtool.ServerConfig(ca.Issue(t, testtool.Leaf{NotBefore: time.Now().Add(-90 * 24 * time.Hour), NotAfter: time.Now().Add(80 * time.Hour)}))
		listening.EnableHTTP2 = h2
		listening.StartTLS()
		defer listening.Close()
		findings, err := Examine(t.Context(), Options{URL: listening.URL, Idle: time.Second, TLS: &tls.Config{RootCAs: ca.Pool()}})
		if err != nil {
			t.Fatal(err)
		}
		protocol := map[bool]string{false: "http/1.1", true: "h2"}[h2]
		want, seen := "TLS 1.3, protocol \""+protocol+"\" (ALPN); the certificate expires in 3 days, on ", false
		for _, f := range findings {
			if f.Check == "tls" {
				seen = strings.HasPrefix(f.Message, want) && f.Warning && !f.Bad
			}
		}
		if !seen {
			t.Errorf("no finding begins with %q: %+v", want, findings)
		}
	}
}

// TestExamineWrongScheme verifies the finding about http:// and https:// if each is the wrong one.
func TestExamineWrongScheme(t *testing.T) {
	s := &server{}
	s.setDefaults()
	plain, secured := httptest.NewServer(s), httptest.NewUnstartedServer(s)
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	defer plain.Close()
	defer secured.Close()
	for url, says := range map[string]string{
		"https://" + plain.Listener.Addr().String():  "no response: the server does not use TLS: use http://",
		"http://" + secured.Listener.Addr().String(): "the server uses TLS: use https://",
	} {
		findings, err := Examine(t.Context(), Options{URL: url, Idle: time.Second})
		if err != nil || len(findings) != 1 || findings[0].Check != "answer" || !findings[0].Bad || findings[0].Message != says {
			t.Errorf("%s: %+v, %v", url, findings, err)
		}
	}
}
