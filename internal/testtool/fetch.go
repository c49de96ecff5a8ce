package testtool

import (
	"io"
	"net/http"
	"testing"
)

// Fetch requests a URL over a new connection, and returns the whole response.
func Fetch(t testing.TB, url string) (status int, header http.Header, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: Patience}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return res.StatusCode, res.Header, string(text)
}
