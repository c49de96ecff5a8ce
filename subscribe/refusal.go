package subscribe

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ssed/ssed/internal/certs"
)

// saidBytesMax limits the bytes that are read from the body of a refusal to find its first line.
const saidBytesMax = 4096

// A Refusal is a response that is not an event stream.
type Refusal struct {
	Status   int
	Media    string // the Content-Type
	Location string // the target of a redirect, otherwise empty
	Said     string // the first line of the body, unchanged
	WantsTLS bool   // the server uses TLS, so the URL must begin with https://
}

// Error returns the refusal with the server's text. The text may contain any characters, including
// control characters.
func (r *Refusal) Error() string {
	said := r.Said
	switch {
	case r.WantsTLS:
		return fmt.Sprintf("the server uses TLS (%d): use https://", r.Status)
	case r.Status == http.StatusOK:
		return fmt.Sprintf("not an event stream: Content-Type is %q", r.Media)
	case r.Location != "":
		return fmt.Sprintf("the server redirects (%d) to %s", r.Status, r.Location)
	case said == "":
		said = http.StatusText(r.Status)
	}
	return fmt.Sprintf("the server refuses (%d): %s", r.Status, said)
}

// refused returns the Refusal for a response. It ignores the body if it is an HTML page.
func refused(res *http.Response) *Refusal {
	r := &Refusal{Status: res.StatusCode, Media: res.Header.Get("Content-Type")}
	if res.StatusCode == http.StatusOK {
		return r // do not read the body: it may be endless
	}
	if res.StatusCode/100 == 3 {
		r.Location = res.Header.Get("Location")
	}
	defer time.AfterFunc(headTimeout, func() { res.Body.Close() }).Stop()
	body, _ := io.ReadAll(io.LimitReader(res.Body, saidBytesMax))
	r.WantsTLS = res.StatusCode == http.StatusBadRequest && certs.WantsTLS(string(body))
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if !strings.HasPrefix(line, "<") {
		r.Said = strings.TrimSpace(line)
	}
	return r
}
