package clients

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestHTTPDocHasTheResponses verifies that the tables of docs/http.md have the status and
// the text of what a daemon answers.
func TestHTTPDocHasTheResponses(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	open := startQuiet(t, "--history=10", "--cors-origin=https://example.org", "--admin=off")
	closed := startQuiet(t, "--token=only-for-pets subscribe /pets")
	proxied := startQuiet(t, "--proxy-protocol", "--trusted-proxy=192.0.2.1")
	const host = "Host: localhost\r\n"
	for _, tt := range []struct {
		daemon  *testtool.Daemon
		request string
		status  int
	}{
		{proxied, "GET /subscribe HTTP/1.1\r\n" + host + "\r\n", 400},
		{open, "GET /metrics HTTP/1.1\r\n" + host + "\r\n", 403},
		{open, "GET /healthz HTTP/1.1\r\n" + host + "\r\n", 200},
		{open, "GET /nowhere HTTP/1.1\r\n" + host + "\r\n", 404},
		{open, "GET /subscribe/pets HTTP/1.1\r\n" + host + "Origin: https://example.com\r\n\r\n", 403},
		{open, "POST /subscribe/pets HTTP/1.1\r\n" + host + "\r\n", 405},
		{open, "BREW /subscribe/pets HTTP/1.1\r\n" + host + "\r\n", 501},
		{open, "GET /subscribe/% HTTP/1.1\r\n" + host + "\r\n", 400},
		{open, "GET /subscribe/%00 HTTP/1.1\r\n" + host + "\r\n", 400},
		{open, "GET /subscribe?topic=/pets HTTP/1.1\r\n" + host + "\r\n", 400},
		{open, "GET /subscribe HTTP/1.1\r\n" + host + "\r\n", 400},
		{open, "GET /subscribe//pets HTTP/1.1\r\n" + host + "\r\n", 400},
		{open, "GET /subscribe/pets?last=x HTTP/1.1\r\n" + host + "\r\n", 400},
		{open, "GET /subscribe/pets?since=30 HTTP/1.1\r\n" + host + "\r\n", 400},
		{closed, "GET /subscribe/pets HTTP/1.1\r\n" + host + "\r\n", 401},
		{closed, "GET /subscribe/pets?token=of-another HTTP/1.1\r\n" + host + "\r\n", 401},
		{closed, "GET /subscribe/time?token=only-for-pets HTTP/1.1\r\n" + host + "\r\n", 403},
		{open, "GET /subscribe/pets HTTP/1.1\n" + host + "\r\n", 400},
		{open, "GET HTTP/1.1\r\n" + host + "\r\n", 400},
		{open, "GET / HTTP/1.1\r\n\r\n", 400},
		{open, "GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{open, "PUB /pets - woof\n", 400},
		{open, "\x16\x03\x01\x02\x00\x01", 400},
		{open, "GET /" + strings.Repeat("a", 16<<10) + " HTTP/1.1\r\n", 414},
		{open, "GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 16<<10), 431},
		{open, "GET / HTTP/1.1\r\n" + strings.Repeat("X: a\r\n", 65) + "\r\n", 431},
		{open, "CONNECT localhost:80 HTTP/1.1\r\n" + host + "\r\n", 501},
		{open, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
	} {
		status, body := exchange(t, tt.daemon, tt.request)
		if status != tt.status {
			t.Errorf("%.60q was answered %d %q, want %d", tt.request, status, body, tt.status)
		}
		row := fmt.Sprintf("(?m)^\\| [^|]*%d[^|]* \\|.*`%s`.*\\|$", status, regexp.QuoteMeta(body))
		if !regexp.MustCompile(row).Match(doc) {
			t.Errorf("docs/http.md has no row with %d and `%s`", status, body)
		}
	}
}

// exchange sends a request unchanged, and returns the status and the text of the response.
func exchange(t *testing.T, d *testtool.Daemon, request string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.Subscribe[0], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testtool.Patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	head, text, _ := bytes.Cut(response, []byte("\r\n\r\n"))
	if _, err := fmt.Sscanf(string(head), "HTTP/1.1 %d", &status); err != nil {
		t.Fatalf("%.60q was answered %q", request, response)
	}
	return status, strings.TrimSuffix(string(text), "\n")
}
