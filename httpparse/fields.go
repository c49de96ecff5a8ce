package httpparse

import (
	"bytes"
	"math"
)

// parseFields parses field lines up to and including the blank line that ends the head (RFC 9112
// section 5). It returns the index after the blank line.
func (req *Request) parseFields(b []byte, i int) (int, *Refusal) {
	for {
		if i == len(b) {
			return 0, more
		}
		switch b[i] {
		case '\r', '\n':
			return lineEnd(b, i, nil)
		case ' ', '\t':
			// obs-fold (RFC 9112 section 5.2), or whitespace before the first field (section 2.2).
			// Both must be refused or repaired.
			return 0, errFold
		}
		if len(req.Fields) == FieldsMax {
			return 0, errTooManyFields
		}
		next, r := req.parseField(b, i)
		if r != nil {
			return 0, r
		}
		i = next
	}
}

// parseField parses field-name ":" OWS field-value OWS CRLF (RFC 9112 section 5.1).
func (req *Request) parseField(b []byte, i int) (int, *Refusal) {
	colon := span(b, i, tokenChar)
	if colon == len(b) {
		return 0, more
	}
	if b[colon] != ':' || colon == i {
		return 0, nameStop(b, colon)
	}
	start := colon + 1
	for start < len(b) && isSpace(b[start]) {
		start++
	}
	end := span(b, start, valueChar)
	next, r := lineEnd(b, end, errFieldValue)
	if r != nil {
		return 0, r
	}
	for end > start && isSpace(b[end-1]) {
		end--
	}
	req.Fields = append(req.Fields, Field{b[i:colon], b[start:end]})
	return next, req.note(&req.Fields[len(req.Fields)-1])
}

// nameStop returns the refusal for the byte at i, which follows a field name but is not a colon. A
// space must be refused (RFC 9112 section 5.1), because parsers that remove it and parsers that
// keep it see different fields.
func nameStop(b []byte, i int) *Refusal {
	switch b[i] {
	case ' ', '\t':
		return errFieldSpace
	case '\n':
		return errBareLF
	}
	return errFieldName
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// note checks and records the fields that determine whether the message is valid. Expect is not one
// of them. The server sends its final answer without waiting for a body, which satisfies
// 100-continue, and any other expectation may be ignored (RFC 9110 section 10.1.1).
func (req *Request) note(f *Field) *Refusal {
	switch {
	case f.Is("Host"):
		return req.noteHost(f.Value)
	case f.Is("Content-Length"):
		return req.noteLength(f.Value)
	case f.Is("Transfer-Encoding"):
		return req.noteCoding(f.Value)
	}
	return nil
}

// noteHost records the Host field, which may occur once (RFC 9112 section 3.2). It must be valid
// even if an absolute URI takes precedence.
func (req *Request) noteHost(value []byte) *Refusal {
	switch {
	case req.hasHost:
		return errHostTwice
	case !validHost(value):
		return errHostInvalid
	}
	req.hasHost = true
	if req.Host == nil {
		req.Host = value
	}
	return nil
}

// noteLength records the Content-Length, which may occur once (RFC 9110 section 8.6). A second
// field is refused even if its value is equal, as the RFC allows, because normal clients send only
// one.
func (req *Request) noteLength(value []byte) *Refusal {
	switch {
	case req.hasLength:
		return errLengthTwice
	case req.Chunked:
		return errLengthAndCoded
	case len(value) == 0:
		return errLength
	}
	var n int64
	for _, c := range value {
		d := int64(c) - '0'
		if !isDigit(c) || n > (math.MaxInt64-d)/10 {
			return errLength
		}
		n = n*10 + d
	}
	req.hasLength, req.ContentLength = true, n
	return nil
}

// noteCoding records a Transfer-Encoding (RFC 9112 sections 6.1 and 6.3). Several lines form one
// list (RFC 9110 section 5.3). In this list, chunked must come last and only once. Otherwise the
// end of the body cannot be determined: 400. Any other coding is unsupported: 501. A
// Transfer-Encoding together with a Content-Length is an attack: 400.
func (req *Request) noteCoding(value []byte) *Refusal {
	switch {
	case req.Minor == 0:
		return errCodingOld
	case req.hasLength:
		return errLengthAndCoded
	}
	unknown := false
	for len(value) > 0 {
		var coding []byte
		coding, value, _ = bytes.Cut(value, []byte(","))
		coding = bytes.Trim(coding, " \t")
		switch {
		case len(coding) == 0:
			// Empty list elements are ignored (RFC 9110 section 5.6.1.2).
		case req.Chunked:
			return errCodingOrder
		case equalFold(coding, "chunked"):
			req.Chunked = true
		default:
			unknown = true
		}
	}
	switch {
	case unknown:
		return errCodingUnknown
	case !req.Chunked:
		return errCodingOrder
	}
	return nil
}
