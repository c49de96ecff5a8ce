package httpparse

// FieldsMax limits the number of fields in a head. Browsers behind two proxies send about 30. Twice
// that number keeps the size of a Request at 3 KiB, and limits how often a head that arrives slowly
// is parsed (see [Parser.Reparse]).
const FieldsMax = 64

// A Request is one parsed head. All slices point into the parsed buffer.
type Request struct {
	Method []byte // as sent; methods are case-sensitive (RFC 9110 section 9.1)
	Target []byte // as sent
	Path   []byte // still percent-encoded; "/" if an absolute URI has no path, "*" for OPTIONS *
	Query  []byte // still percent-encoded, without its "?"; nil if there is no "?"
	Host   []byte // authority of an absolute URI, otherwise the Host field; may be empty
	Minor  int    // HTTP/1.Minor: 0, or 1 for every later version (RFC 9110 section 2.5)

	Fields []Field // in the order sent

	// The bytes of a body follow the head. The caller must read them or close the connection. They
	// are never the next request.
	ContentLength int64 // length of the body as the head declares it, 0 without a body
	Chunked       bool  // the body is chunked, so its length is unknown

	hasHost   bool // a Host field was parsed; an absolute URI sets Host, too
	hasLength bool
	array     [FieldsMax]Field // the memory of Fields
}

// A Field is one field line. Its value has no whitespace around it.
type Field struct{ Name, Value []byte }

// Get returns the value of the first field with the given name, in any case (RFC 9110 section 5.1).
// It returns nil if there is no such field, and an empty but non-nil slice if the field has no
// value. For fields that may occur several times, use Fields.
func (req *Request) Get(name string) []byte {
	for i := range req.Fields {
		if req.Fields[i].Is(name) {
			return req.Fields[i].Value
		}
	}
	return nil
}

// Is reports whether the field has the given name, in any case.
func (f *Field) Is(name string) bool { return equalFold(f.Name, name) }

// reset clears the previous request, except the array. The array is overwritten field by field, and
// clearing its 3 KiB would cost as much as parsing a small head.
func (req *Request) reset() {
	req.Method, req.Target, req.Path, req.Query, req.Host = nil, nil, nil, nil, nil
	req.Minor, req.ContentLength, req.Chunked = 0, 0, false
	req.hasHost, req.hasLength = false, false
	req.Fields = req.array[:0]
}
