package subreq

import (
	"bytes"

	"github.com/ssed/ssed/httpparse"
)

// readQuery parses the query in one pass. It appends the namespaces of the query to those of the
// path, and returns them with the token. If a parameter occurs several times, the first token
// counts, and the last id, time or number.
func (r *Request) readQuery(query []byte, namespaces []string) (all []string, token []byte, refusal Refusal) {
	tokenSeen := false
	for len(query) > 0 {
		var key, raw []byte
		key, raw, query = httpparse.NextPair(query)
		name, refusal := nameOf(key)
		if refusal.Status != 0 {
			return nil, nil, refusal
		}
		switch name {
		case nameNamespace:
			ns, err := unescaped(raw)
			if err != nil {
				return nil, nil, refusalOf(err)
			}
			namespaces = append(namespaces, string(ns))
		case nameToken:
			if !tokenSeen {
				token, _ = unescaped(raw) // nil if it cannot be decoded, as if it was absent
				tokenSeen = true
			}
		case nameLast, nameSince, nameID:
			if r.BadResume.Status == 0 {
				r.BadResume = r.Resume.read(name, raw)
			}
		}
	}
	return namespaces, token, Refusal{}
}

// unescaped decodes a value of a query. The result shares the query's memory if nothing is encoded.
// It is nil if the value is empty.
func unescaped(raw []byte) ([]byte, error) {
	switch {
	case len(raw) == 0:
		return nil, nil
	case bytes.IndexByte(raw, '%') < 0 && bytes.IndexByte(raw, '+') < 0:
		return raw, nil
	}
	text, err := httpparse.AppendUnescapedQuery(make([]byte, 0, len(raw)), raw)
	if err != nil {
		return nil, err
	}
	return text, nil
}
