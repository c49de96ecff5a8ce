package store

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/ssed/ssed/nsindex"
)

var subjectTable = []struct {
	name, namespace, subject string
}{
	{"root", "/", "ssed"},
	{"one segment", "/pets", "ssed.pets"},
	{"two segments", "/pets/dogs", "ssed.pets.dogs"},
	{"UTF-8 stays", "/tiere/hündin/犬", "ssed.tiere.hündin.犬"},
	{"dot", "/example.org/v1.2", "ssed.example%2Eorg.v1%2E2"},
	{"three dots", "/...", "ssed.%2E%2E%2E"},
	{"wildcards", "/*/a*/>/a>b", "ssed.%2A.a%2A.%3E.a%3Eb"},
	{"percent", "/100%", "ssed.100%25"},
	{"a literal escape", "/%2E", "ssed.%252E"},
	{"the root's name below it", "/ssed", "ssed.ssed"},
	{"replacement character", "/a\uFFFDb", "ssed.a%EF%BF%BDb"},
	{"its neighbors", "/\uFFFC\uFFFE\uFFFF", "ssed.\uFFFC\uFFFE\uFFFF"},
	{"characters that are special elsewhere", `/$a/{{b}}/"c"/_/\`, `ssed.$a.{{b}}."c"._.\`},
	{"deepest", strings.Repeat("/a", nsindex.NamespaceSegmentsMax), "ssed" + strings.Repeat(".a", nsindex.NamespaceSegmentsMax)},
	{"longest", "/" + strings.Repeat(">", nsindex.NamespaceBytesMax-1), "ssed." + strings.Repeat("%3E", nsindex.NamespaceBytesMax-1)},
}

// TestSubject verifies both conversions for each row of the table.
func TestSubject(t *testing.T) {
	for _, tt := range subjectTable {
		t.Run(tt.name, func(t *testing.T) {
			if got := appendSubject([]byte("before "), "ssed", []byte(tt.namespace)); string(got) != "before "+tt.subject {
				t.Errorf("%q became %q, want %q", tt.namespace, got, tt.subject)
			}
			got, err := appendNamespace([]byte("before "), "ssed", []byte(tt.subject))
			if string(got) != "before "+tt.namespace || err != nil {
				t.Errorf("%q became %q, %v, want %q", tt.subject, got, err, tt.namespace)
			}
		})
	}
}

// TestSubjectOfNoNamespace verifies the errors for subjects that map to no namespace.
func TestSubjectOfNoNamespace(t *testing.T) {
	for _, tt := range []struct {
		name, subject string
		want          error
	}{
		{"empty", "", errSubject},
		{"another root", "else.pets", errSubject},
		{"root with a tail", "ssedpets", errSubject},
		{"start of the root", "sse", errSubject},
		{"needless escape", "ssed.%41", errSubject},
		{"needless escape of UTF-8", "ssed.%C3%BC", errSubject},
		{"lower-case hex", "ssed.a%2eb", errSubject},
		{"one digit", "ssed.a%2", errSubject},
		{"no digit", "ssed.100%", errSubject},
		{"no hex", "ssed.%GG", errSubject},
		{"one digit and another sign", "ssed.%1:", errSubject},
		{"escaped slash", "ssed.a%2Fb", errSubject},
		{"slash", "ssed.a/b", errSubject},
		{"empty token", "ssed.a..b", nsindex.ErrNamespace},
		{"empty token at the end", "ssed.a.", errSubject},
		{"only an empty token", "ssed.", errSubject},
		{"segment of one dot", "ssed.%2E", nsindex.ErrNamespace},
		{"segment of two dots", "ssed.a.%2E%2E", nsindex.ErrNamespace},
		{"wildcard", "ssed.>", errSubject},
		{"control byte", "ssed.a\x01", nsindex.ErrNamespace},
		{"escaped control byte", "ssed.a%01", nsindex.ErrNamespace},
		{"bad UTF-8", "ssed.\xFF", nsindex.ErrNamespace},
		{"escaped bad UTF-8", "ssed.%FF", nsindex.ErrNamespace},
		{"replacement character", "ssed.\uFFFD", errSubject},
		{"a part of it", "ssed.\xEF%BF%BD", errSubject},
		{"too deep", "ssed" + strings.Repeat(".a", nsindex.NamespaceSegmentsMax+1), nsindex.ErrNamespace},
		{"too long", "ssed." + strings.Repeat("a", nsindex.NamespaceBytesMax), nsindex.ErrNamespace},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := appendNamespace([]byte("before"), "ssed", []byte(tt.subject))
			if !errors.Is(err, tt.want) || string(got) != "before" {
				t.Errorf("%q became %q, %v, want %v", tt.subject, got, err, tt.want)
			}
		})
	}
}

// TestSubjectAllocations verifies that the conversions do not allocate, because each message needs
// them.
func TestSubjectAllocations(t *testing.T) {
	var there, back = make([]byte, 0, 256), make([]byte, 0, 256)
	namespace := []byte("/pets/dogs/v1.2")
	n := testing.AllocsPerRun(100, func() {
		there = appendSubject(there[:0], "ssed", namespace)
		back, _ = appendNamespace(back[:0], "ssed", there)
	})
	if n != 0 || !bytes.Equal(back, namespace) {
		t.Errorf("%v allocations, the namespace became %q", n, back)
	}
}

// matching returns how many filters match a subject, by the server's rules.
func matching(filters []string, subject string) (times int) {
	for _, filter := range filters {
		if server.SubjectMatchesFilter(subject, filter) {
			times++
		}
	}
	return times
}

// TestFilters verifies that the filters of a set match exactly the namespaces in the set, each
// once, and do not overlap.
func TestFilters(t *testing.T) {
	all := []string{"/", "/pets", "/pets/dogs", "/petsmart", "/pets.x", "/*", "/>", "/time", "/pets-b", "/pets-b/%"}
	for _, tt := range []struct {
		name string
		set  []string
		want []string
	}{
		{"everything", []string{"/"}, []string{"ssed", "ssed.>"}},
		{"one", []string{"/pets"}, []string{"ssed.pets", "ssed.pets.>"}},
		{"two", []string{"/pets", "/pets-b", "/*"}, []string{"ssed.%2A", "ssed.%2A.>", "ssed.pets", "ssed.pets.>", "ssed.pets-b", "ssed.pets-b.>"}},
		{"ancestors and descendants", []string{"/pets", "/pets/dogs", "/pets-b/%"}, []string{"ssed.pets", "ssed.pets.>", "ssed.pets-b.%25", "ssed.pets-b.%25.>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := nsindex.NewSet(tt.set...)
			if err != nil {
				t.Fatal(err)
			}
			got := filters("ssed", set.Members())
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
			for i, a := range got {
				for _, b := range got[:i] {
					if server.SubjectsCollide(a, b) {
						t.Errorf("%q and %q overlap", a, b)
					}
				}
			}
			for _, ns := range all {
				want := 0
				if slices.ContainsFunc(set.Members(), func(m string) bool { return nsindex.Within([]byte(ns), m) }) {
					want = 1
				}
				if n := matching(got, string(appendSubject(nil, "ssed", []byte(ns)))); n != want {
					t.Errorf("%q matches %q %d times, want %d", set.Members(), ns, n, want)
				}
			}
		})
	}
}

// FuzzAppendSubject verifies that every namespace has a subject that a server accepts and that maps
// back to the namespace.
func FuzzAppendSubject(f *testing.F) {
	for _, tt := range subjectTable {
		f.Add(tt.namespace)
	}
	f.Fuzz(func(t *testing.T, in string) {
		ns, err := nsindex.Canonical(in)
		if err != nil {
			return
		}
		subject := appendSubject(nil, "ssed", []byte(ns))
		if !server.IsValidPublishSubject(string(subject)) || strings.ContainsAny(string(subject), "*> \t\r\n\f\x00\uFFFD") || !utf8.Valid(subject) {
			t.Fatalf("%q became %q", ns, subject)
		}
		if strings.Count(string(subject), ".") != strings.Count(ns[1:], "/")+min(1, len(ns)-1) {
			t.Fatalf("%q became %q: other tokens than segments", ns, subject)
		}
		back, err := appendNamespace(nil, "ssed", subject)
		if string(back) != ns || err != nil {
			t.Fatalf("%q became %q and that %q, %v", ns, subject, back, err)
		}
	})
}

// FuzzAppendNamespace verifies that no two subjects map to the same namespace.
func FuzzAppendNamespace(f *testing.F) {
	for _, tt := range subjectTable {
		f.Add(tt.subject)
	}
	for _, bad := range []string{"ssed.%41", "ssed.a%2e", "ssed.", "ssed.%EF%BF", "ssed./"} {
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, in string) {
		ns, err := appendNamespace(nil, "ssed", []byte(in))
		if err != nil {
			return
		}
		canonical, err := nsindex.Canonical(ns)
		if err != nil || len(canonical) != len(ns) {
			t.Fatalf("%q became %q, which is canonically %q, %v", in, ns, canonical, err)
		}
		if again := appendSubject(nil, "ssed", ns); string(again) != in {
			t.Fatalf("%q became %q and that %q", in, ns, again)
		}
	})
}
