package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/ssed/ssed/nsindex"
)

// Namespaces and subjects map one to one. "/" is the root, whose subject is the stream's name.
// "/pets/dogs" is "ssed.pets.dogs". Bytes that a token cannot contain are written as "%" and two
// upper-case hex digits. All other bytes are unchanged, including UTF-8. So the subject can be
// derived from a namespace by hand, and a filter matches the same messages as nsindex.

// errSubject marks a subject that maps to no namespace. Errors that wrap it contain the reason.
var errSubject = errors.New("bad subject")

const upperHex = "0123456789ABCDEF"

// escapes returns how many bytes at the start of s must be written in hex. It is 1 for ".",
// which separates tokens, for the wildcards, and for "%". It is 3 for a replacement character
// (U+FFFD), because a server that finds one in its files treats it as damage.
func escapes(s []byte) int {
	switch s[0] {
	case '.', '*', '>', '%':
		return 1
	case 0xEF:
		if len(s) > 2 && s[1] == 0xBF && s[2] == 0xBD {
			return 3
		}
	}
	return 0
}

// appendSubject appends the subject of a canonical namespace.
func appendSubject(dst []byte, root string, namespace []byte) []byte {
	dst = append(dst, root...)
	if len(namespace) == 1 {
		return dst
	}
	for i := 0; i < len(namespace); {
		if namespace[i] == '/' {
			dst = append(dst, '.')
			i++
			continue
		}
		n := escapes(namespace[i:])
		if n == 0 {
			dst = append(dst, namespace[i])
			i++
		}
		for range n {
			c := namespace[i]
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			i++
		}
	}
	return dst
}

// appendNamespace appends the namespace of a subject, which must be the root or below it. Errors
// wrap errSubject or nsindex.ErrNamespace. dst is then returned unchanged.
//
// A subject must have exactly the form that appendSubject writes. Others, such as "ssed.%41" or
// "ssed.a%2e", are errors: a subscriber's filter would not match them. Live subscribers would get
// the message, but subscribers that resume would not.
//
// appendNamespace also uses the capacity of dst beyond the returned slice.
func appendNamespace(dst []byte, root string, subject []byte) ([]byte, error) {
	start := len(dst)
	below, ok := bytes.CutPrefix(subject, []byte(root))
	if !ok || len(below) > 0 && below[0] != '.' {
		return dst, fmt.Errorf("%w: %q is not below %q", errSubject, subject, root)
	}
	if len(below) == 0 {
		return append(dst, '/'), nil
	}
	for i := 0; i < len(below); i++ {
		switch c := below[i]; c {
		case '.':
			dst = append(dst, '/')
		case '/':
			return dst[:start], fmt.Errorf(`%w: %q has a "/", which is not allowed in a segment of a namespace`, errSubject, subject)
		case '%':
			escaped, n := unescape(below[i:])
			dst = append(dst, escaped)
			i += n - 1
		default:
			dst = append(dst, c)
		}
	}
	end := len(dst)
	canonical, err := nsindex.Canonical(dst[start:])
	if err == nil && len(canonical) < end-start {
		err = fmt.Errorf("%w: an empty token", errSubject)
	}
	if err != nil {
		return dst[:start], fmt.Errorf("%q: %w", subject, err)
	}
	dst = appendSubject(dst, root, canonical)
	if !bytes.Equal(dst[end:], subject) {
		return dst[:start], fmt.Errorf("%w: invalid form %q, expected %q", errSubject, subject, dst[end:])
	}
	return dst[:end], nil
}

// unescape decodes the escape at the start of s, which begins with "%". It returns the byte and the
// length of the escape. A "%" without two hex digits after it is literal.
func unescape[T ~string | ~[]byte](s T) (c byte, n int) {
	if len(s) < 3 {
		return '%', 1
	}
	var decoded [1]byte
	if _, err := hex.Decode(decoded[:], []byte{s[1], s[2]}); err != nil {
		return '%', 1
	}
	return decoded[0], 3
}

// filters returns the subjects of a subscription set: the subject of each member, and all below
// it. set has the form that nsindex.Set.Members returns. No member of a set is below another, so
// no two subjects overlap; a server would refuse that.
func filters(root string, set []string) []string {
	subjects := make([]string, 0, 2*len(set))
	for _, namespace := range set {
		subject := string(appendSubject(nil, root, []byte(namespace)))
		subjects = append(subjects, subject, subject+".>")
	}
	return subjects
}
