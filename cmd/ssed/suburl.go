package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ssed/ssed/nsindex"
)

// defaultSubscribeURL is where subscribers find a daemon, unless told otherwise.
const defaultSubscribeURL = "http://localhost:8001"

// A subscription is what "ssed sub" asks for.
type subscription struct {
	url         *url.URL
	namespaces  []string // as far as the URL tells, which other servers' do not
	lastEventID string
}

// newSubscription reads what was asked: namespaces of the daemon of this machine; a
// daemon's URL and namespaces of it; or the URL of a stream, alone. last is negative
// where it was not asked, since may be empty.
func newSubscription(where []string, last int, since string) (s subscription, err error) {
	if len(where) == 0 { // kong asks this before it misses the argument
		return s, errors.New("say what to subscribe to: a namespace, such as /pets, or the URL of a stream")
	}
	base := defaultSubscribeURL
	hasURL := strings.Contains(where[0], "://")
	if hasURL {
		base, where = where[0], where[1:]
	}
	if s.url, err = url.Parse(base); err != nil || s.url.Scheme != "http" && s.url.Scheme != "https" || s.url.Host == "" {
		return s, fmt.Errorf("%q is no URL of a stream, such as http://localhost:8001/subscribe/pets", printable(base))
	}
	for _, name := range where {
		canonical, err := nsindex.Canonical(name)
		if err != nil {
			return s, fmt.Errorf("%q: %w (a whole URL begins with http:// or https://)", printable(name), err)
		}
		s.namespaces = append(s.namespaces, canonical)
	}
	switch {
	case len(where) == 0:
		s.namespaces = namespacesOf(s.url)
	case s.url.RawQuery != "" || strings.HasSuffix(s.url.Path, "/subscribe") || strings.Contains(s.url.Path, "/subscribe/"):
		return s, errors.New("give a whole URL alone, or a daemon's (http://host:port) and namespaces")
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

// startAt asks for what was, too. The query goes along on coming back, where the last
// id goes before it.
func (s *subscription) startAt(last int, since string) error {
	query := s.url.Query()
	if last >= 0 {
		query.Set("last", strconv.Itoa(last))
	}
	if _, err := time.ParseDuration(since); err == nil {
		query.Set("since", since)
	} else if strings.ContainsFunc(since, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("--since: an id is printable ASCII, and a time is such as 30s or 5m")
	} else {
		s.lastEventID = since
	}
	if last >= 0 || since != "" && s.lastEventID == "" {
		s.url.RawQuery = query.Encode()
	}
	return nil
}

// namespacesOf reads them from the URL of a stream of ssed.
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

// String is the stream's address as messages show it: a query may hold a token.
func (s subscription) String() string {
	shown := url.URL{Scheme: s.url.Scheme, Host: s.url.Host, Path: s.url.Path}
	if len(s.namespaces) > 0 && strings.HasSuffix(s.url.Path, "/subscribe") {
		return printable(shown.String() + " of " + strings.Join(s.namespaces, " and "))
	}
	return printable(shown.String())
}
