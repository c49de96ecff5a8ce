package attackers

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestRefusedClientsCanReadTheReason verifies that a client can read why it was refused, though it
// continues to send. Each client sends a megabyte after its bad request, and only then reads. If
// the daemon closed a connection with unread bytes in it, the kernel would reset the connection and
// the response would be lost.
func TestRefusedClientsCanReadTheReason(t *testing.T) {
	host := "Host: localhost\r\n"
	refusals := []struct {
		name, request string
		status        int
		words         string
	}{
		{"no HTTP", "\x00\x01\x02\x03", 400, "method"},
		{"a bare LF", "GET /subscribe/pets HTTP/1.1\n" + host, 400, "LF alone"},
		{"no Host", "GET /subscribe/pets HTTP/1.1\r\n\r\n", 400, "Host"},
		{"a bad namespace", "GET /subscribe/a//b HTTP/1.1\r\n" + host + "\r\n", 400, ""},
		{"an unknown path", "GET /favicon.ico HTTP/1.1\r\n" + host + "\r\n", 404, "/subscribe/"},
		{"a body", "POST /subscribe/pets HTTP/1.1\r\n" + host + "Content-Length: 1048576\r\n\r\n", 405, "GET"},
		{"a body in chunks", "PUT /subscribe/pets HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n100000\r\n", 405, "GET"},
		{"an endless method", strings.Repeat("GET", 100), 501, "method"},
		{"an endless target", "GET /subscribe/" + strings.Repeat("pets/", 2000), 414, "target"},
		{"an endless field", "GET /subscribe/pets HTTP/1.1\r\n" + host + "X-Long: ", 431, "too large"},
		{"endless fields", "GET /subscribe/pets HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 1000), 431, "fields"},
		{"no target", "GET HTTP/1.1\r\n" + host + "\r\n", 400, "no target"},
		{"no version", "GET /subscribe/pets\r\n\r\n", 400, "no version"},
		{"an unknown version", "GET /subscribe/pets HTTP/2.0\r\n" + host + "\r\n", 505, "HTTP/1.1"},
		{"a TLS hello", tlsHello(t), 400, "TLS"},
		{"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2"},
		{"a PROXY header", "PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n" + get(common), 400, "PROXY"},
		{"a PROXY head", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", 400, "PROXY"},
	}
	s := startAttack(t)
	more := strings.Repeat("x", 1<<20)
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			a := s.dial(t, 0)
			a.send(t, tt.request)
			a.send(t, more)
			if err := a.wantRefusal(tt.status, tt.words); err != nil {
				t.Error(err)
			}
		})
	}
	s.wantGone(t, lingerTime)
	s.wantUnharmed(t, bound(len(refusals), headBytesMax))
}

// TestEndlessHeadIsBounded verifies that a head is refused at the first byte above --head-max, and
// not only at the timeout.
func TestEndlessHeadIsBounded(t *testing.T) {
	testtool.Long(t, "a connection lingers for seconds")
	t.Parallel()
	s := startAttack(t, "--header-timeout=1h")
	head := get(common)
	head = head[:len(head)-2] + "X-Long: "
	a := s.dial(t, 0)
	a.send(t, head+strings.Repeat("x", headBytesMax-len(head)))
	a.send(t, "x")
	if err := a.wantRefusal(431, "too large"); err != nil {
		t.Error(err)
	}
	s.wantGone(t, lingerTime)
	s.wantUnharmed(t, bound(1, headBytesMax))
}

// TestConnectionClosesAfterHEADAndOPTIONS verifies that the connection is closed after the
// responses to HEAD and OPTIONS, like after a refusal.
func TestConnectionClosesAfterHEADAndOPTIONS(t *testing.T) {
	s := startAttack(t)
	for method, status := range map[string]int{"HEAD": 200, "OPTIONS": 204} {
		t.Run(method, func(t *testing.T) {
			a := s.dial(t, 0)
			a.send(t, strings.Replace(get(common), "GET", method, 1)+strings.Repeat("x", 1<<20))
			if got, err := a.readAnswer(method); err != nil || got != (answer{status: status}) {
				t.Errorf("got %v, %v, want %d without a body", got, err, status)
			}
		})
	}
	s.wantGone(t, lingerTime)
	s.wantUnharmed(t, bound(2, headBytesMax))
}

// TestRealTLSClient verifies that a TLS client, such as a browser with an https:// URL, fails
// immediately and does not hang.
func TestRealTLSClient(t *testing.T) {
	t.Parallel()
	s := startAttack(t)
	a := s.dial(t, 0)
	a.conn.SetDeadline(time.Now().Add(testtool.Patience))
	err := tls.Client(a.conn, &tls.Config{ServerName: "localhost"}).Handshake()
	if err == nil || !strings.Contains(err.Error(), "does not look like a TLS handshake") {
		t.Errorf("the handshake returned %v", err)
	}
	s.wantGone(t, lingerTime)
	s.wantUnharmed(t, bound(1, headBytesMax))
}

// tlsHello returns the ClientHello, the first message of a TLS client.
func tlsHello(t *testing.T) string {
	t.Helper()
	client, server := net.Pipe()
	defer server.Close()
	server.SetDeadline(time.Now().Add(testtool.Patience))
	go func() {
		defer client.Close()
		_ = tls.Client(client, &tls.Config{ServerName: "localhost"}).Handshake() // it fails, because nothing answers
	}()
	record := make([]byte, 5) // RFC 8446 section 5.1: type, version, length
	if _, err := io.ReadFull(server, record); err != nil {
		t.Fatal(err)
	}
	hello := make([]byte, int(record[3])<<8|int(record[4]))
	if _, err := io.ReadFull(server, hello); err != nil {
		t.Fatal(err)
	}
	return string(record) + string(hello)
}
