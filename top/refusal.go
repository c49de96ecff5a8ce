package top

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A refusal is an answer with a status that says no.
type refusal struct {
	status int
	words  string
}

func (r *refusal) Error() string { return r.words }

// unreachable says that there is nobody, without the request that http tells of.
func (c *Client) unreachable(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	return fmt.Errorf("no daemon answers at %s: %s", c.where, clean(err.Error()))
}

// refused says what the daemon said, and what to do.
func (c *Client) refused(res *http.Response) error {
	said := told(res.Body)
	switch {
	case res.StatusCode == http.StatusUnauthorized && c.token == "":
		said = "a token with the admin right is needed: give it with --token or SSED_TOKEN"
	case res.StatusCode == http.StatusNotFound:
		said = "there are no admin pages here; they may have an address of their own (--admin)"
	case said == "":
		said = http.StatusText(res.StatusCode)
	}
	return &refusal{res.StatusCode, fmt.Sprintf("%s refuses (%d): %s", c.where, res.StatusCode, said)}
}

// told returns what the body of a refusal says: {"error": "..."}, or one line of
// text. A page for browsers says nothing.
func told(body io.Reader) string {
	said, _ := io.ReadAll(io.LimitReader(body, 4096))
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
