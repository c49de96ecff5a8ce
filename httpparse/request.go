package httpparse

// FieldsMax is how many fields a head may carry. Browsers behind two proxies
// send about 30; twice that keeps a Request at 3 KiB, and bounds how often a
// dribbled head is looked at (see [Parser.Reparse]).
const FieldsMax = 64

// A Request is one parsed head. All slices point into the parsed buffer.
type Request struct {
	Method []byte // as sent; methods are case-sensitive (RFC 9110 section 9.1)
	Target []byte // as sent
	Path   []byte // of the target, still percent-encoded; "/" if an absolute URI has none, "*" for OPTIONS *
	Query  []byte // still percent-encoded, without its "?"; nil if there is no "?"
	Host   []byte // the effective host: an absolute URI's authority, else the Host field; may be empty
	Minor  int    // HTTP/1.Minor: 0, or 1 for everything later (RFC 9110 section 2.5)

	Fields []Field // in the order sent

	// The bytes of a body follow the head and must be read, or the connection closed: they
	// are never the next request.
	ContentLength int64 // bytes of the body that the head announces, 0 if none
	Chunked       bool  // the body comes chunked, its length unknown

	hasHost   bool // the Host field was seen; Host alone cannot tell, an absolute URI sets it too
	hasLength bool
	array     [FieldsMax]Field // what Fields is a slice of
}

// A Field is one field line, its value without the whitespace around it.
type Field struct{ Name, Value []byte }

// Get returns the value of the first field called name, in whatever case
// (RFC 9110 section 5.1). It is nil if there is none, and empty but not nil if
// the field is there without a value. For fields that may repeat, walk Fields.
func (req *Request) Get(name string) []byte {
	for i := range req.Fields {
		if req.Fields[i].Is(name) {
			return req.Fields[i].Value
		}
	}
	return nil
}

// Is says whether the field is called name, in whatever case.
func (f *Field) Is(name string) bool { return equalFold(f.Name, name) }

// reset forgets the previous request but for the array: that is overwritten
// field by field, and clearing its 3 KiB would cost as much as a small head.
func (req *Request) reset() {
	req.Method, req.Target, req.Path, req.Query, req.Host = nil, nil, nil, nil, nil
	req.Minor, req.ContentLength, req.Chunked = 0, 0, false
	req.hasHost, req.hasLength = false, false
	req.Fields = req.array[:0]
}
