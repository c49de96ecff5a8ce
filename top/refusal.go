package top

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"

	"github.com/ssed/ssed/internal/certs"
	"github.com/ssed/ssed/internal/reach"
)

// A refusal is the error for a response with a status of 300 or more.
type refusal struct {
	status int
	words  string
}

func (r *refusal) Error() string { return r.words }

// unreachable returns the error for a request without a response. It omits the request's URL, which
// http adds.
func (c *Client) unreachable(err error) error {
	err = reach.Reason(err)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no daemon answers at %s: %w: is ssed running there?", c.where, err)
	}
	return fmt.Errorf("no daemon answers at %s: %s", c.where, clean(reach.AdviseTLS(err, c.where).Error()))
}

// refused returns the error for a refusal, with the daemon's message or with advice.
func (c *Client) refused(res *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	said := messageOf(body)
	switch {
	case res.StatusCode == http.StatusBadRequest && certs.WantsTLS(string(body)):
		return c.unreachable(reach.ErrWantsTLS)
	case res.StatusCode == http.StatusUnauthorized && c.token == "":
		said = "a token with the admin right is required: set it with --token or SSED_TOKEN"
	case res.StatusCode == http.StatusNotFound:
		said = "no admin pages at this address; the daemon may serve them at another one (--admin)"
		if c.hasPath {
			said = "no admin pages at this address; give http://host:port without a path"
		}
	case said == "":
		said = http.StatusText(res.StatusCode)
	}
	return &refusal{res.StatusCode, fmt.Sprintf("%s refuses (%d): %s", c.where, res.StatusCode, said)}
}

// messageOf returns the message in the body of a refusal: the value of {"error": "..."}, or the
// first line of text. It returns "" for an HTML page.
func messageOf(said []byte) string {
	var failure struct{ Error text }
	if json.Unmarshal(said, &failure) == nil {
		return string(failure.Error)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	if strings.HasPrefix(line, "<") {
		return ""
	}
	return string(clean(strings.TrimSpace(line)))
}
