package nsindex

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

var canonicalTable = []struct {
	name, in string
	want     string // "" means an error
	words    string // a part of the error
}{
	{"the root", "/", "/", ""},
	{"one segment", "/pets", "/pets", ""},
	{"two", "/pets/dogs", "/pets/dogs", ""},
	{"a trailing slash is dropped", "/pets/", "/pets", ""},
	{"only one of them", "/pets//", "", "empty segment"},
	{"nothing", "", "", "must start"},
	{"no slash at the start", "pets", "", `namespace "pets" must start with "/"`},
	{"a long one without a slash", strings.Repeat("x", 33), "", `namespace "` + strings.Repeat("x", 32) + `"... must start`},
	{"a long one in multi-byte characters", strings.Repeat("é", 17), "", `namespace "` + strings.Repeat("é", 16) + `"... must start`},
	{"an empty segment", "/pets//dogs", "", `"/pets//dogs" has an empty segment`},
	{"two slashes", "//", "", "empty segment"},
	{"a dot", "/pets/./dogs", "", `"."`},
	{"two dots", "/pets/../dogs", "", `".."`},
	{"dots at the end", "/pets/..", "", `".."`},
	{"dots and a slash at the end", "/pets/../", "", `".."`},
	{"three dots are a name", "/pets/...", "/pets/...", ""},
	{"a hidden file is a name", "/.pets", "/.pets", ""},
	{"a space", "/pets dogs", "", "byte 5"},
	{"a tab", "/a\tb", "", "control"},
	{"a line break", "/a\nb", "", "control"},
	{"NUL", "/a\x00", "", "control"},
	{"DEL", "/a\x7f", "", "control"},
	{"C1 control", "/a\u0085", "", "control"},
	{"a no-break space", "/a\u00a0b", "", "space"},
	{"an ideographic space", "/a\u3000b", "", "space"},
	{"letters beyond ASCII", "/日本/犬", "/日本/犬", ""},
	{"a real U+FFFD", "/a\uFFFD", "/a\uFFFD", ""},
	{"invalid UTF-8", "/a\xff", "", "UTF-8 at byte 2"},
	{"an overlong slash", "/a\xc0\xafb", "", "UTF-8"},
	{"punctuation is free", "/a:b;c=d@e!$&'()*+,~-_%", "/a:b;c=d@e!$&'()*+,~-_%", ""},
	{"as long as allowed", "/" + strings.Repeat("x", NamespaceBytesMax-1), "/" + strings.Repeat("x", NamespaceBytesMax-1), ""},
	{"too long", "/" + strings.Repeat("x", NamespaceBytesMax), "", `"... has 1025 bytes`},
	{"as deep as allowed", strings.Repeat("/x", NamespaceSegmentsMax), strings.Repeat("/x", NamespaceSegmentsMax), ""},
	{"too deep", strings.Repeat("/x", NamespaceSegmentsMax+1), "", "33 segments"},
}

// TestCanonical checks valid and invalid namespaces, as strings and as byte slices.
func TestCanonical(t *testing.T) {
	for _, tt := range canonicalTable {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Canonical(tt.in)
			inBytes, errBytes := Canonical([]byte(tt.in))
			if (err == nil) != (errBytes == nil) || err == nil && string(inBytes) != got {
				t.Fatalf("as text %q, %v; as bytes %q, %v", got, err, inBytes, errBytes)
			}
			switch {
			case tt.want == "" && err == nil:
				t.Errorf("Canonical(%q) = %q, want an error", tt.in, got)
			case tt.want == "" && (!errors.Is(err, ErrNamespace) || !strings.Contains(err.Error(), tt.words)):
				t.Errorf("the error is %q, want it to contain %q", err, tt.words)
			case tt.want != "" && (err != nil || got != tt.want):
				t.Errorf("Canonical(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
			}
		})
	}
}

// FuzzCanonical checks with slow and simple code that every accepted namespace follows the grammar
// of Canonical, and that it is its own canonical form.
func FuzzCanonical(f *testing.F) {
	for _, tt := range canonicalTable {
		f.Add(tt.in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Canonical(in)
		if err != nil {
			return
		}
		again, err := Canonical(got)
		if err != nil || again != got {
			t.Fatalf("%q → %q → %q, %v", in, got, again, err)
		}
		if strings.TrimSuffix(in, "/") != strings.TrimSuffix(got, "/") {
			t.Fatalf("%q became %q", in, got)
		}
		if !utf8.ValidString(got) || strings.ContainsAny(got, " \t\r\n\x00") || len(got) > NamespaceBytesMax {
			t.Fatalf("accepted %q", got)
		}
		if got == "/" {
			return
		}
		segments := strings.Split(got, "/")[1:]
		for _, s := range segments {
			if s == "" || s == "." || s == ".." {
				t.Fatalf("accepted %q with segment %q", got, s)
			}
		}
		if len(segments) > NamespaceSegmentsMax {
			t.Fatalf("accepted %d segments", len(segments))
		}
	})
}

// TestWithin checks that prefixes match by whole segments.
func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		ns, prefix string
		want       bool
	}{
		{"/pets", "/", true}, {"/", "/", true}, {"/pets", "/pets", true}, {"/pets/dogs", "/pets", true},
		{"/petsmart", "/pets", false}, {"/pet", "/pets", false}, {"/", "/pets", false}, {"/cats/pets", "/pets", false},
	} {
		if got := Within([]byte(tt.ns), tt.prefix); got != tt.want {
			t.Errorf("Within(%q, %q) = %t", tt.ns, tt.prefix, got)
		}
	}
}

// TestCanonicalDoesNotAllocate verifies that checking a valid namespace does not allocate.
func TestCanonicalDoesNotAllocate(t *testing.T) {
	ns := []byte("/pets/dogs/corgi")
	if n := testing.AllocsPerRun(100, func() { _, _ = Canonical(ns) }); n != 0 {
		t.Errorf("%v allocations for each message", n)
	}
}

// BenchmarkCanonical measures the check of one namespace.
func BenchmarkCanonical(b *testing.B) {
	for _, bm := range []struct{ kind, ns string }{
		{"short", "/details/1F602"},
		{"deep", strings.Repeat("/segment", NamespaceSegmentsMax)},
		{"umlauts", "/tiere/hündchen"},
	} {
		b.Run("namespace="+bm.kind, func(b *testing.B) {
			ns := []byte(bm.ns)
			b.SetBytes(int64(len(ns)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Canonical(ns); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
