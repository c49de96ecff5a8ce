package subreq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A rule is one allowed origin, or all subdomains of a host. The text of an origin is the
// serialization of a tuple origin (HTML section 7.1.1, "serialization of an origin"): scheme "://"
// host [ ":" port ]. The host of a wildcard begins with "*.".
type rule struct {
	scheme string
	host   string // of a wildcard: the part after the asterisk, beginning with a dot
	port   string // with its colon; empty for the scheme's default port
	wild   bool
}

// schemeBytesMax is longer than any scheme of pages, and hostBytesMax is the longest name (RFC 1035
// section 2.3.4). So each origin that a rule may match is shorter than originBytesMax.
const (
	schemeBytesMax = 200
	hostBytesMax   = 253
)

// defaultPorts are the ports that browsers omit (URL Standard, section 4.2).
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// pageless maps schemes whose pages never send a tuple origin to the reason.
var pageless = map[string]string{
	"about": `its pages send "null" or the origin of the page that opened them`,
	"blob":  "its pages send the origin of the page that made them",
	"data":  `its pages send "null"`,
	"file":  `its pages send "null"`,
	"ws":    "a page has the origin it was loaded from; use http",
	"wss":   "a page has the origin it was loaded from; use https",
}

// privateSuffixes are top-level names below which no public registration is possible. So a wildcard
// may come directly before them (RFC 6761 sections 6.2 and 6.3, RFC 6762 section 3 and appendix G).
var privateSuffixes = []string{"localhost", "test", "local", "internal", "intranet", "private", "corp", "home", "lan"}

// parseRule parses an allowed origin. It refuses an origin that browsers never send, because that
// rule could never match. The error explains the reason. Upper case is converted to lower case as
// browsers do it: in the scheme, and in the host if the scheme is http or https. The host of
// another scheme keeps its case (URL Standard, section 3.5), since Safari sends the UUID of an
// extension in upper case.
func parseRule(text string) (r rule, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("invalid origin %q: %w", text, err)
		}
	}()
	switch strings.ToLower(text) {
	case "*":
		return r, errors.New(`"*" allows every origin and cannot be combined with other origins`)
	case "null":
		return r, errors.New(`every sandboxed page sends "null", so it cannot be allowed`)
	}
	scheme, rest, ok := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if defaultPorts[scheme] != "" {
		rest = strings.ToLower(rest)
	}
	switch {
	case !ok:
		return r, errors.New("expected scheme://host or scheme://host:port, such as https://example.org or http://localhost:3000")
	case strings.Contains(scheme, "*"):
		return r, errors.New("a wildcard cannot replace the scheme; list each scheme")
	case !isScheme(scheme):
		return r, fmt.Errorf("%q is not a scheme: expected a letter, then letters, digits, +, - or . in it", scheme)
	case len(scheme) > schemeBytesMax:
		return r, fmt.Errorf("the scheme has %d characters, and no page's scheme has more than %d", len(scheme), schemeBytesMax)
	case pageless[scheme] != "":
		return r, fmt.Errorf("no page has the scheme %s: %s", scheme, pageless[scheme])
	case strings.ContainsAny(rest, "/?#"):
		return r, errors.New("an origin has no path, no query and no trailing slash")
	case strings.Contains(rest, "@"):
		return r, errors.New("an origin has no user information")
	}
	host, port, err := cutPort(rest)
	if err != nil {
		return r, err
	}
	if port != "" && port == defaultPorts[scheme] {
		return r, fmt.Errorf("browsers omit the default port; write %s://%s", scheme, host)
	}
	r = rule{scheme: scheme, host: host}
	if port != "" {
		r.port = ":" + port
	}
	if strings.Contains(host, "*") {
		r.wild, r.host = true, strings.TrimPrefix(host, "*")
		return r, checkWildcard(host)
	}
	return r, checkHost(host)
}

// isScheme reports whether text is a scheme in lower case (RFC 3986 section 3.1).
func isScheme(text string) bool {
	return text != "" && isLetter(text[0]) && !strings.ContainsFunc(text, func(c rune) bool {
		return c > '~' || !isLetter(byte(c)) && !isDigit(byte(c)) && !strings.ContainsRune("+-.", c)
	})
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' }

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// cutPort splits a host from its port, which must be in the form that browsers send.
func cutPort(text string) (host, port string, err error) {
	at := strings.LastIndexByte(text, ':')
	if at < 0 || strings.HasSuffix(text, "]") {
		return text, "", nil
	}
	host, port = text[:at], text[at+1:]
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port || n == 0 {
		return "", "", fmt.Errorf("%q is not a port: expected a number from 1 to 65535 without leading zeros; an IPv6 address must be in brackets", port)
	}
	return host, port, nil
}

// checkHost checks that a host is in the form that browsers send: a name in ASCII, an IPv4 address,
// or an IPv6 address in brackets (URL Standard, section 3.6).
func checkHost(host string) error {
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return fmt.Errorf("%q is not an IPv6 address in brackets, such as [::1]", host)
		}
		canonical := "[" + addr.String() + "]"
		if b := addr.As16(); addr.Is4In6() { // browsers send these in hexadecimal, unlike netip
			canonical = fmt.Sprintf("[::ffff:%x:%x]", binary.BigEndian.Uint16(b[12:]), binary.BigEndian.Uint16(b[14:]))
		}
		if canonical != host {
			return fmt.Errorf("browsers write this address as %s", canonical)
		}
		return nil
	}
	if len(host) > hostBytesMax {
		return fmt.Errorf("the host has %d characters, and a name has at most %d", len(host), hostBytesMax)
	}
	for i := range len(host) {
		switch c := host[i]; {
		case c > '~':
			return errors.New("browsers write this host in ASCII (Punycode, xn--...)")
		case !isHostByte(c) && !isUpper(c) && c != '.': // see parseRule for the case
			return fmt.Errorf("a host cannot contain %q", c)
		}
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if slices.Contains(labels, "") {
		return errors.New("the host or one of its labels is empty")
	}
	if isNumeric(labels[len(labels)-1]) {
		if addr, err := netip.ParseAddr(host); err != nil || addr.String() != host {
			return errors.New("a host that ends in a number must be an IPv4 address, such as 127.0.0.1")
		}
	}
	return nil
}

// isHostByte reports whether c can be part of a label. Host names have no underscore, but browsers
// accept it.
func isHostByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c == '_' }

// isNumeric reports whether browsers parse a host with this last label as an IPv4 address (URL
// Standard, section 3.5, "ends in a number checker").
func isNumeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return !strings.ContainsFunc(hex, func(c rune) bool { return !strings.ContainsRune("0123456789abcdef", c) })
	}
	return !strings.ContainsFunc(label, func(c rune) bool { return c < '0' || c > '9' })
}

// checkWildcard checks that a host is "*." followed by a name. It refuses addresses, and public
// suffixes of one label such as "com", below which anyone can register a name.
func checkWildcard(host string) error {
	base, ok := strings.CutPrefix(host, "*.")
	switch {
	case host == "*":
		return errors.New(`a wildcard replaces subdomains, such as https://*.example.org; "*" alone allows every origin`)
	case !ok || strings.Contains(base, "*"):
		return errors.New("a wildcard can only be the whole first label, such as https://*.example.org")
	case strings.HasPrefix(base, "["):
		return errors.New("an address has no subdomains")
	}
	if err := checkHost(base); err != nil {
		return err
	}
	labels := strings.Split(strings.TrimSuffix(base, "."), ".")
	last := labels[len(labels)-1]
	switch {
	case isNumeric(last):
		return errors.New("an address has no subdomains")
	case len(labels) == 1 && !slices.Contains(privateSuffixes, last):
		return fmt.Errorf("this would allow every site below .%s; write at least two labels after the wildcard", last)
	}
	return nil
}
