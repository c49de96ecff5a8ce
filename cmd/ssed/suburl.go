package main

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ssed/ssed/nsindex"
)

// defaultSubscribeURL is the default URL of the daemon for subscribers.
const defaultSubscribeURL = "http://localhost:8001"

// A subscription is the stream that "ssed sub" reads.
type subscription struct {
	url         *url.URL
	namespaces  []string // known only if the URL has the form of ssed's URLs
	lastEventID string
}

// newSubscription parses the arguments of "ssed sub": namespaces of the daemon on this machine, the
// URL of a daemon and namespaces, or the complete URL of a stream. A last that is nil and an empty
// since mean that the flag is not set.
func newSubscription(where []string, last *int, since string) (s subscription, err error) {
	if len(where) == 0 { // kong calls Validate before it reports a missing argument
		return s, errors.New("nothing to subscribe to: expected a namespace, such as /pets, or the URL of a stream")
	}
	base := defaultSubscribeURL
	hasURL := strings.Contains(where[0], "://")
	if hasURL {
		base, where = where[0], where[1:]
	}
	if s.url, err = url.Parse(base); err != nil || s.url.Scheme != "http" && s.url.Scheme != "https" || s.url.Host == "" {
		return s, fmt.Errorf("invalid URL %q: expected the URL of a stream, such as http://localhost:8001/subscribe/pets", printable(base))
	}
	for _, name := range where {
		if !strings.HasPrefix(name, "/") {
			return s, fmt.Errorf(`%q: a namespace must start with "/", and a URL with http:// or https://`, name)
		}
		canonical, err := nsindex.Canonical(name)
		if err != nil {
			return s, err
		}
		s.namespaces = append(s.namespaces, canonical)
	}
	switch {
	case len(where) == 0:
		s.namespaces = namespacesOf(s.url)
	case s.url.RawQuery != "" || strings.HasSuffix(s.url.Path, "/subscribe") || strings.Contains(s.url.Path, "/subscribe/"):
		return s, errors.New("the complete URL of a stream cannot be combined with namespaces; put http://host:port before them")
	case len(where) == 1:
		s.url = s.url.JoinPath("subscribe")
		s.url.RawPath = s.url.EscapedPath() + (&url.URL{Path: s.namespaces[0]}).EscapedPath()
		s.url.Path += s.namespaces[0]
	default:
		s.url = s.url.JoinPath("subscribe")
		s.url.RawQuery = url.Values{"ns": s.namespaces}.Encode()
	}
	return s, s.startAt(last, since)
}

// notAnID matches text that is a mistyped duration, such as 30 or 1d, rather than an id of ssed.
var notAnID = regexp.MustCompile(`^[+-]?[0-9.]+ *[A-Za-z]*$`)

// startAt adds the parameters that select earlier messages. On a reconnect they are sent again, but
// the Last-Event-ID header takes precedence. Streams of other servers may have ids of any form.
func (s *subscription) startAt(last *int, since string) error {
	query := s.url.Query()
	if last != nil {
		query.Set("last", strconv.Itoa(*last))
	}
	_, err := time.ParseDuration(since)
	ofSsed := len(s.namespaces) > 0
	switch {
	case err == nil:
		query.Set("since", since)
	case ofSsed && notAnID.MatchString(since), strings.ContainsFunc(since, func(r rune) bool { return r < ' ' || r > '~' }):
		return fmt.Errorf("invalid --since %q: expected a duration with a unit, such as 30s, or an id, such as f57rv0ie-4", since)
	default:
		s.lastEventID = since
	}
	if last != nil || since != "" && s.lastEventID == "" {
		s.url.RawQuery = query.Encode()
	}
	return nil
}

// namespacesOf returns the namespaces in the URL of a stream of ssed, or nil.
func namespacesOf(u *url.URL) []string {
	_, below, ok := strings.Cut(u.Path, "/subscribe")
	switch {
	case !ok:
		return nil
	case below == "":
		return u.Query()["ns"]
	}
	return []string{below}
}

// String returns the stream's address for messages. It omits the query, which may contain a token.
func (s subscription) String() string {
	shown := url.URL{Scheme: s.url.Scheme, Host: s.url.Host, Path: s.url.Path}
	if len(s.namespaces) > 0 && strings.HasSuffix(s.url.Path, "/subscribe") {
		return printable(shown.String() + " of " + strings.Join(s.namespaces, " and "))
	}
	return printable(shown.String())
}
