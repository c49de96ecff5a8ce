package httpparse

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// FuzzParse checks properties that must hold for all bytes: no panic, no read beyond the input,
// slices inside it, the same result for any split, and agreement with net/http on requests that
// both accept.
func FuzzParse(f *testing.F) {
	for _, input := range everyInput() {
		if len(input) <= 1<<10 { // large inputs do not help a fuzzer
			f.Add([]byte(input), uint16(len(input)/2))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		whole := parse(b, 0)
		at := int(cut) % (len(b) + 1)
		checkCut(t, b, at, whole)
		checkLimit(t, b, at)
		if whole.n == 0 {
			return
		}
		var p Parser
		var req Request
		if _, err := p.Parse(b, &req); err != nil {
			t.Fatal(err)
		}
		checkSlices(t, b[:whole.n], &req)
		checkModel(t, b[:whole.n], &req)
	})
}

// checkCut checks the prefix property: a prefix needs more bytes or has the result of the whole
// input, and bytes after a head change nothing.
func checkCut(t *testing.T, b []byte, cut int, whole outcome) {
	first := parse(b[:cut], 0)
	if first.isMore() {
		if whole.n > 0 && whole.n <= cut {
			t.Fatalf("%q is a complete head, but its first %d bytes need more", b, cut)
		}
		if again := parse(b, cut); again != whole && !(again.isMore() && whole.err != nil) {
			t.Fatalf("%q after %d bytes: %+v, whole %+v", b, cut, again, whole)
		}
		return
	}
	if first != whole {
		t.Fatalf("%q cut at %d: %+v, whole %+v", b, cut, first, whole)
	}
}

// checkLimit checks the meaning of a limit. Bytes beyond it are ignored. A head that does not end
// within the limit is too large, or its target is too long.
func checkLimit(t *testing.T, b []byte, limit int) {
	if limit == 0 {
		return // 0 would select the default
	}
	p := Parser{HeadBytesMax: limit}
	var req Request
	n, err := p.Parse(b, &req)
	want := parse(b[:limit], 0)
	if want.isMore() {
		want.err = errHeadTooLarge
		if begun := bytes.TrimLeft(b[:limit], "\r\n"); foreign(b[:limit]) == nil && bytes.Count(begun, []byte(" ")) == 1 {
			want.err = errTargetTooLong
		}
	}
	if n != want.n || err != want.err {
		t.Fatalf("%q with a limit of %d: %d, %v; want %+v", b, limit, n, err, want)
	}
}

// checkSlices rebuilds the head from the parts of the request. They must cover all of it except
// whitespace.
func checkSlices(t *testing.T, head []byte, req *Request) {
	rest := bytes.TrimLeft(head, "\r\n")
	for _, part := range [][]byte{req.Method, []byte(" "), req.Target, []byte(" HTTP/1.")} {
		if !bytes.HasPrefix(rest, part) {
			t.Fatalf("%q: %q is not at the expected position", head, part)
		}
		rest = rest[len(part):]
	}
	rest = rest[len("1\r\n"):]
	for _, f := range req.Fields {
		line, after, _ := bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !bytes.Equal(name, f.Name) || !bytes.Equal(bytes.Trim(value, " \t"), f.Value) {
			t.Fatalf("%q: line %q was parsed as %q, %q", head, line, f.Name, f.Value)
		}
		rest = after
	}
	if string(rest) != "\r\n" {
		t.Fatalf("%q: %q is not part of the request", head, rest)
	}
}

// checkModel compares with net/http. It refuses more than this package in targets and hosts, and
// less in fields. Requests that both accept must have the same parts.
func checkModel(t *testing.T, head []byte, req *Request) {
	model, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return
	}
	path, err := AppendUnescaped(nil, req.Path)
	if err == errNUL {
		return
	}
	if model.URL.Path == "" {
		model.URL.Path = "/" // RFC 9110 section 4.2.3; net/http leaves this to its mux
	}
	if err != nil || string(path) != model.URL.Path || string(req.Query) != model.URL.RawQuery {
		t.Fatalf("%q: path %q, query %q, %v; net/http: %q, %q", head, path, req.Query, err, model.URL.Path, model.URL.RawQuery)
	}
	if string(req.Method) != model.Method {
		t.Fatalf("%q: method %q; net/http: %q", head, req.Method, model.Method)
	}
	// net/http decodes triplets in a URI's host. This package keeps them.
	if string(req.Host) != model.Host && !strings.Contains(string(req.Host), "%") {
		t.Fatalf("%q: host %q; net/http: %q", head, req.Host, model.Host)
	}
	length := req.ContentLength
	if req.Chunked {
		length = -1
	}
	if length != model.ContentLength {
		t.Fatalf("%q: length %d; net/http: %d", head, length, model.ContentLength)
	}
}
