package reach

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
