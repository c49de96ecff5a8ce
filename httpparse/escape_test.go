package httpparse

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"testing"
)

// TestAppendUnescaped checks decoding for paths and for queries, and in place.
func TestAppendUnescaped(t *testing.T) {
	for _, row := range []struct {
		what, src, path, query string
		err                    error
	}{
		{"nothing", "", "", "", nil},
		{"nothing to do", "/pets", "/pets", "/pets", nil},
		{"a triplet", "/a%20b", "/a b", "/a b", nil},
		{"both cases", "%2f%2F%aA", "//\xaa", "//\xaa", nil},
		{"decoded once", "%2541", "%41", "%41", nil},
		{"plus", "a+b%2Bc", "a+b+c", "a b+c", nil},
		{"UTF-8", "k%C3%A4se", "käse", "käse", nil},
		{"overlong UTF-8 is the reader's to refuse", "%C0%AF", "\xc0\xaf", "\xc0\xaf", nil},
		{"dot segments are the reader's to refuse", "%2e%2E/", "../", "../", nil},
		{"line ends are the reader's to refuse", "%0d%0A", "\r\n", "\r\n", nil},
		{"NUL", "a%00", "", "", errNUL},
		{"no digits", "%", "", "", errTriplet},
		{"one digit", "%4", "", "", errTriplet},
		{"bad first digit", "%g0", "", "", errTriplet},
		{"bad second digit", "%0g", "", "", errTriplet},
		{"two percents", "%%41", "", "", errTriplet},
		{"a sign", "%+1", "", "", errTriplet},
		{"UTF-16", "%u0041", "", "", errTriplet},
	} {
		path, err := AppendUnescaped([]byte("kept"), []byte(row.src))
		if string(path) != "kept"+row.path || !errors.Is(err, row.err) {
			t.Errorf("%s: %q, %v", row.what, path, err)
		}
		query, err := AppendUnescapedQuery([]byte("kept"), []byte(row.src))
		if string(query) != "kept"+row.query || !errors.Is(err, row.err) {
			t.Errorf("%s, in a query: %q, %v", row.what, query, err)
		}
		src := []byte(row.src)
		if place, err := AppendUnescaped(src[:0], src); string(place) != row.path || !errors.Is(err, row.err) {
			t.Errorf("%s, in place: %q, %v", row.what, place, err)
		}
	}
}

// TestNextPair checks how queries are split into pairs.
func TestNextPair(t *testing.T) {
	for _, row := range []struct{ what, query, want string }{
		{"nothing", "", ""},
		{"one", "ns=/pets", "ns=/pets."},
		{"a set", "ns=/pets&ns=/time", "ns=/pets.ns=/time."},
		{"no value", "a&b=", "a!.b=."},
		{"no key", "=a", "=a."},
		{"an = in the value", "a=b=c", "a=b=c."},
		{"empty pairs", "&&a=b&&&c=d", "a=b.c=d."},
		{"an ampersand at the end", "a=b&", "a=b."},
		{"nothing but ampersands", "&&", "!."},
		{"still encoded", "a%3D=%26+b", "a%3D=%26+b."},
		{"a semicolon separates nothing", "a=b;c=d", "a=b;c=d."},
	} {
		var got strings.Builder
		var key, value []byte
		for rest := []byte(row.query); len(rest) > 0; {
			key, value, rest = NextPair(rest)
			got.Write(key)
			got.WriteString(map[bool]string{true: "!", false: "="}[value == nil])
			got.Write(value)
			got.WriteByte('.')
		}
		if got.String() != row.want {
			t.Errorf("%s: %s, want %s", row.what, got.String(), row.want)
		}
	}
}

// TestUnescapeDoesNotAllocate verifies that parsing a query does not allocate.
func TestUnescapeDoesNotAllocate(t *testing.T) {
	src, dst := []byte("ns=%2Fpets&ns=/a+b&bad=%zz&nul=%00"), make([]byte, 0, 64)
	if got := testing.AllocsPerRun(100, func() {
		var value []byte
		for rest := src; len(rest) > 0; {
			_, value, rest = NextPair(rest)
			_, _ = AppendUnescaped(dst, value)
			_, _ = AppendUnescapedQuery(dst, value)
		}
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// FuzzAppendUnescaped compares with net/url, which accepts %00.
func FuzzAppendUnescaped(f *testing.F) {
	for _, seed := range []string{"/pets", "%2541", "a+b", "%00", "%zz", "%C3%A4", "%"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		check := func(got []byte, err error, model string, modelErr error) {
			if (err == nil) != (modelErr == nil) && err != errNUL || err == nil && string(got) != model {
				t.Fatalf("%q: %q, %v; net/url: %q, %v", src, got, err, model, modelErr)
			}
			if err == errNUL && !bytes.Contains(src, []byte("%00")) {
				t.Fatalf("%q: %v", src, err)
			}
		}
		got, err := AppendUnescaped(nil, src)
		model, modelErr := url.PathUnescape(string(src))
		check(got, err, model, modelErr)

		got, err = AppendUnescapedQuery(nil, src)
		model, modelErr = url.QueryUnescape(string(src))
		check(got, err, model, modelErr)

		place := bytes.Clone(src)
		if place, err = AppendUnescapedQuery(place[:0], place); err == nil && string(place) != model {
			t.Fatalf("%q in place: %q", src, place)
		}
	})
}
