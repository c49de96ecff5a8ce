package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/ssed/ssed/nsindex"
)

// Namespaces and subjects are one to one: "/" is the root, a subject of one token
// that is also the stream's name, and "/pets/dogs" is "ssed.pets.dogs". Bytes that
// a token cannot hold are written as "%" and two upper-case hex digits; all others
// stay as they are, UTF-8 too. So other programs can tell a subject by looking at
// the namespace, and a filter finds what the index would.

// errSubject marks a subject that no namespace has. Errors that wrap it say why.
var errSubject = errors.New("bad subject")

const upperHex = "0123456789ABCDEF"

// escapes returns how many bytes at the start of s are written in hex: one that
// parts tokens, is a wildcard or is the sign of an escape, or all three of a
// replacement character. A server takes that for damage when it reads its files.
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

// appendNamespace appends the namespace of a subject that is the root or below it.
// Errors wrap errSubject or nsindex.ErrNamespace, and dst is then returned as it was.
//
// A subject that is not written as appendSubject writes it, such as "ssed.%41" or
// "ssed.a%2e", is an error: a subscriber's filter would not find it, so who reads
// the live stream and who comes back would hear different things. dst is written
// to beyond what is returned.
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
			return dst[:start], fmt.Errorf(`%w: %q has a "/", which no segment of a namespace holds`, errSubject, subject)
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
		return dst[:start], fmt.Errorf("%w: %q should be written %q", errSubject, subject, dst[end:])
	}
	return dst[:end], nil
}

// unescape returns the byte that s, which starts with "%", stands for, and how long
// the escape is. A "%" that no two hex digits follow stands for itself.
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

// filters returns the subjects that a subscription set hears: each member's own and
// all below. No member of a set is below another, so no two of them overlap, which a
// server would refuse. set is as nsindex.Set.Members has it.
func filters(root string, set []string) []string {
	subjects := make([]string, 0, 2*len(set))
	for _, namespace := range set {
		subject := string(appendSubject(nil, root, []byte(namespace)))
		subjects = append(subjects, subject, subject+".>")
	}
	return subjects
}
