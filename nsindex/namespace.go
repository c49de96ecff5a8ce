package nsindex

import (
	"errors"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Limits of a namespace. A message looks up every ancestor of its namespace, so the number of
// segments limits the work for one message.
const (
	NamespaceBytesMax    = 1024
	NamespaceSegmentsMax = 32
)

// quotedBytesMax limits how much of a namespace an error repeats. Errors become replies to
// publishers, which repeat at most 32 bytes of their input (docs/line-protocol.txt).
const quotedBytesMax = 32

// ErrNamespace is wrapped by all errors about invalid namespaces.
var ErrNamespace = errors.New("bad namespace")

// A fault is the text of an error about a namespace, which names the namespace. It wraps
// ErrNamespace without the text of ErrNamespace, which would only repeat it.
type fault string

// Error returns the text.
func (f fault) Error() string { return string(f) }

// Unwrap returns ErrNamespace.
func (fault) Unwrap() error { return ErrNamespace }

// faultf returns the error for a namespace: the word "namespace", ns in quotes, and the problem.
func faultf[T ~string | ~[]byte](ns T, problem string, args ...any) error {
	return fault("namespace " + quote(ns) + " " + fmt.Sprintf(problem, args...))
}

// Canonical returns the canonical form of a namespace, which is ns without a trailing slash. "/"
// stays "/". The result shares the memory of ns.
//
// A namespace starts with "/" and consists of segments separated by slashes. It is valid UTF-8
// without control characters and white space. No segment is empty, "." or "..". A namespace has at
// most NamespaceBytesMax bytes and NamespaceSegmentsMax segments. Errors wrap ErrNamespace.
func Canonical[T ~string | ~[]byte](ns T) (T, error) {
	if len(ns) == 0 || ns[0] != '/' {
		return ns, faultf(ns, `must start with "/"`)
	}
	if len(ns) > NamespaceBytesMax {
		return ns, faultf(ns, "has %d bytes, at most %d are allowed", len(ns), NamespaceBytesMax)
	}
	if len(ns) == 1 {
		return ns, nil
	}
	if ns[len(ns)-1] == '/' {
		ns = ns[:len(ns)-1]
	}
	segments, start, ascii := 0, 1, true
	for i := 1; i <= len(ns); i++ {
		if i < len(ns) && ns[i] != '/' {
			c := ns[i]
			if c <= ' ' || c == 0x7f {
				return ns, faultf(ns, "contains a space or control character at byte %d", i)
			}
			ascii = ascii && c < utf8.RuneSelf
			continue
		}
		if problem := segmentProblem(ns[start:i]); problem != "" {
			return ns, faultf(ns, "%s", problem)
		}
		segments, start = segments+1, i+1
	}
	if segments > NamespaceSegmentsMax {
		return ns, faultf(ns, "has %d segments, at most %d are allowed", segments, NamespaceSegmentsMax)
	}
	if !ascii {
		return ns, checkUnicode(string(ns))
	}
	return ns, nil
}

// segmentProblem returns why a segment is refused, or "" if it is valid. It refuses segments with a
// special meaning in other software. A proxy that resolves ".." or merges "//" would silently turn
// one namespace into another.
func segmentProblem[T ~string | ~[]byte](segment T) string {
	switch {
	case len(segment) == 0:
		return `has an empty segment ("//")`
	case len(segment) == 1 && segment[0] == '.':
		return `has the segment ".", which is not allowed`
	case len(segment) == 2 && segment[0] == '.' && segment[1] == '.':
		return `has the segment "..", which is not allowed`
	}
	return ""
}

// quote returns ns in quotes for an error, cut at quotedBytesMax.
func quote[T ~string | ~[]byte](ns T) string {
	if len(ns) > quotedBytesMax {
		return strconv.Quote(string(ns[:quotedBytesMax])) + "..."
	}
	return strconv.Quote(string(ns))
}

// checkUnicode checks characters beyond ASCII. Invisible separators are refused like the space, so
// that two namespaces that look the same in a log are the same.
func checkUnicode(ns string) error {
	for i, r := range ns {
		switch {
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(ns[i:]); size == 1 {
				return faultf(ns, "contains invalid UTF-8 at byte %d", i)
			}
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return faultf(ns, "contains a space or control character at byte %d", i)
		}
	}
	return nil
}

// Within reports whether ns is prefix or is below it, by whole segments: "/pets/dogs" is within
// "/pets", but "/petsmart" is not. Both must be canonical.
func Within(ns []byte, prefix string) bool {
	if len(prefix) == 1 {
		return true
	}
	return len(ns) >= len(prefix) && string(ns[:len(prefix)]) == prefix &&
		(len(ns) == len(prefix) || ns[len(prefix)] == '/')
}
