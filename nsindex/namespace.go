package nsindex

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a namespace. A message looks up every ancestor of its namespace, so the number of
// segments limits the work for one message.
const (
	NamespaceBytesMax    = 1024
	NamespaceSegmentsMax = 32
)

// ErrNamespace is wrapped by all errors about invalid namespaces.
var ErrNamespace = errors.New("bad namespace")

// Canonical returns the canonical form of a namespace, which is ns without a trailing slash. "/"
// stays "/". The result shares the memory of ns.
//
// A namespace starts with "/" and consists of segments separated by slashes. It is valid UTF-8
// without control characters and white space. No segment is empty, "." or "..". A namespace has at
// most NamespaceBytesMax bytes and NamespaceSegmentsMax segments. Errors wrap ErrNamespace.
func Canonical[T ~string | ~[]byte](ns T) (T, error) {
	if len(ns) == 0 || ns[0] != '/' {
		return ns, fmt.Errorf(`%w: %.40q must start with "/"`, ErrNamespace, string(ns))
	}
	if len(ns) > NamespaceBytesMax {
		return ns, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrNamespace, len(ns), NamespaceBytesMax)
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
				return ns, fmt.Errorf("%w: %.40q contains a space or control character at byte %d", ErrNamespace, string(ns), i)
			}
			ascii = ascii && c < utf8.RuneSelf
			continue
		}
		if err := checkSegment(ns[start:i]); err != nil {
			return ns, err
		}
		segments, start = segments+1, i+1
	}
	if segments > NamespaceSegmentsMax {
		return ns, fmt.Errorf("%w: %d segments, at most %d are allowed", ErrNamespace, segments, NamespaceSegmentsMax)
	}
	if !ascii {
		return ns, checkUnicode(string(ns))
	}
	return ns, nil
}

// checkSegment refuses segments with a special meaning in other software. A proxy that resolves
// ".." or merges "//" would silently turn one namespace into another.
func checkSegment[T ~string | ~[]byte](segment T) error {
	switch {
	case len(segment) == 0:
		return fmt.Errorf(`%w: an empty segment ("//")`, ErrNamespace)
	case segment[0] == '.' && (len(segment) == 1 || len(segment) == 2 && segment[1] == '.'):
		return fmt.Errorf("%w: a segment must not be %q", ErrNamespace, string(segment))
	}
	return nil
}

// checkUnicode checks characters beyond ASCII. It refuses invisible separators like it refuses the
// space, so that two namespaces that look the same in a log are the same. It copies ns for
// an error, so that ns does not escape to the heap.
func checkUnicode(ns string) error {
	for i, r := range ns {
		switch {
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(ns[i:]); size == 1 {
				return fmt.Errorf("%w: %.40q contains invalid UTF-8 at byte %d", ErrNamespace, strings.Clone(ns), i)
			}
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return fmt.Errorf("%w: %.40q contains a space or control character at byte %d", ErrNamespace, strings.Clone(ns), i)
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
