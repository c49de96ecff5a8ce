package loop

import (
	"fmt"
	"net/url"
	"strings"
)

// A cors knows the pages that may read our answers, by their origins (the Fetch
// standard, section 3.3). It is made once and then only read.
type cors struct {
	fields map[string]string // an origin → the fields that let it read; nil: any may
}

// corsAny lets every page read. It goes without credentials, which the standard
// forbids beside "*".
const corsAny = "Access-Control-Allow-Origin: *\r\n"

// corsVary tells caches that another origin gets another answer.
const corsVary = "Vary: Origin\r\n"

// newCORS reads the allowed origins: "*" alone, or "scheme://host[:port]" each.
func newCORS(origins []string) (cors, error) {
	if len(origins) == 0 || len(origins) == 1 && origins[0] == "*" {
		return cors{}, nil
	}
	c := cors{fields: map[string]string{}}
	for _, origin := range origins {
		if !isOrigin(strings.ToLower(origin)) {
			return cors{}, fmt.Errorf(`the origin %q is not as browsers write it, such as "https://example.org" or "http://localhost:3000" (in ASCII, without the default port); "*" must stand alone`, origin)
		}
		origin = strings.ToLower(origin)
		c.fields[origin] = "Access-Control-Allow-Origin: " + origin + "\r\n" +
			"Access-Control-Allow-Credentials: true\r\n" + corsVary
	}
	return c, nil
}

// isOrigin tells whether text is an origin as a browser sends it (HTML section
// 7.1.1, "ASCII serialization of an origin"): anything else could never match.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != text {
		return false
	}
	defaultPort := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return defaultPort != "" && u.Port() != defaultPort &&
		!strings.ContainsFunc(text, func(r rune) bool { return r > '~' || r <= ' ' || strings.ContainsRune(`"<>\\^{|}`+"`", r) })
}

// allow returns the fields of an answer to a page of the given origin, and
// whether that page may have it. A request without an Origin does not come from
// another origin's page.
func (c *cors) allow(origin []byte) (fields string, ok bool) {
	if c.fields == nil {
		return corsAny, true
	}
	if origin == nil {
		return corsVary, true
	}
	if fields, ok = c.fields[string(origin)]; ok {
		return fields, true
	}
	return corsVary, false
}
