package subscribe

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// saidBytesMax is how much of a refusal's body is read for its first line.
const saidBytesMax = 4096

// A Refusal is an answer that is no event stream.
type Refusal struct {
	Status   int
	Media    string // its Content-Type
	Location string // where it redirects to, if it does
	Said     string // the first line of its body, as the server sent it
}

// Error says what the server said. It may hold any character: it is the server's.
func (r *Refusal) Error() string {
	said := r.Said
	switch {
	case r.Status == http.StatusOK:
		return fmt.Sprintf("what is there is no event stream, but %q", r.Media)
	case r.Location != "":
		return fmt.Sprintf("the server redirects (%d) to %s", r.Status, r.Location)
	case said == "":
		said = http.StatusText(r.Status)
	}
	return fmt.Sprintf("the server refuses (%d): %s", r.Status, said)
}

// refused makes a Refusal of an answer. A page for browsers says nothing.
func refused(res *http.Response) *Refusal {
	r := &Refusal{Status: res.StatusCode, Media: res.Header.Get("Content-Type")}
	if res.StatusCode == http.StatusOK {
		return r // its body may never end
	}
	if res.StatusCode/100 == 3 {
		r.Location = res.Header.Get("Location")
	}
	defer time.AfterFunc(headTimeout, func() { res.Body.Close() }).Stop()
	body, _ := io.ReadAll(io.LimitReader(res.Body, saidBytesMax))
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if !strings.HasPrefix(line, "<") {
		r.Said = strings.TrimSpace(line)
	}
	return r
}
