package nsindex

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Limits of a namespace. A message looks up every ancestor of its namespace, so
// the depth bounds the work that one message can ask for.
const (
	NamespaceBytesMax    = 1024
	NamespaceSegmentsMax = 32
)

// ErrNamespace marks a namespace that the grammar refuses. Errors that wrap it
// say what was wrong.
var ErrNamespace = errors.New("bad namespace")

// Canonical returns the canonical form of a namespace: ns itself without a
// trailing slash ("/" stays "/"). The result shares ns's memory.
//
// The grammar: it starts with "/" and has segments between slashes; it is valid
// UTF-8 without control characters and white space; no segment is empty, "." or
// ".."; at most NamespaceBytesMax bytes and NamespaceSegmentsMax segments.
// Errors wrap ErrNamespace.
func Canonical[T ~string | ~[]byte](ns T) (T, error) {
	if len(ns) == 0 || ns[0] != '/' {
		return ns, fmt.Errorf(`%w: it must start with "/"`, ErrNamespace)
	}
	if len(ns) > NamespaceBytesMax {
		return ns, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrNamespace, len(ns), NamespaceBytesMax)
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
				return ns, fmt.Errorf("%w: a space or control character at byte %d", ErrNamespace, i)
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
		return ns, fmt.Errorf("%w: it has %d segments, at most %d are allowed", ErrNamespace, segments, NamespaceSegmentsMax)
	}
	if !ascii {
		return ns, checkUnicode(string(ns))
	}
	return ns, nil
}

// checkSegment refuses the segments that other software gives a meaning of
// their own: a proxy that resolves "..", or merges "//", would silently turn
// one namespace into another.
func checkSegment[T ~string | ~[]byte](segment T) error {
	switch {
	case len(segment) == 0:
		return fmt.Errorf(`%w: an empty segment ("//")`, ErrNamespace)
	case segment[0] == '.' && (len(segment) == 1 || len(segment) == 2 && segment[1] == '.'):
		return fmt.Errorf("%w: a segment may not be %q", ErrNamespace, string(segment))
	}
	return nil
}

// checkUnicode looks at what lies beyond ASCII. Invisible separators are refused
// like the space, so that two namespaces that look alike in a log are alike.
func checkUnicode(ns string) error {
	for i, r := range ns {
		switch {
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(ns[i:]); size == 1 {
				return fmt.Errorf("%w: invalid UTF-8 at byte %d", ErrNamespace, i)
			}
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return fmt.Errorf("%w: a space or control character at byte %d", ErrNamespace, i)
		}
	}
	return nil
}

// Within tells whether ns is prefix or lies below it, by whole segments:
// "/pets/dogs" lies within "/pets", "/petsmart" does not. Both are canonical.
func Within(ns []byte, prefix string) bool {
	if len(prefix) == 1 {
		return true
	}
	return len(ns) >= len(prefix) && string(ns[:len(prefix)]) == prefix &&
		(len(ns) == len(prefix) || ns[len(prefix)] == '/')
}
