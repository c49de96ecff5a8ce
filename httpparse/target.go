package httpparse

import "bytes"

// rootPath is the path of an absolute URI without a path (RFC 9110 section 4.2.3).
var rootPath = []byte("/")

// splitTarget sets Path and Query from Target, and Host from an absolute URI (RFC 9112 section
// 3.2). Dot segments and empty segments are kept.
func (req *Request) splitTarget() *Refusal {
	target := req.Target
	switch {
	case target[0] == '/':
		req.splitPath(target)
		return nil
	case string(target) != "*":
		return req.splitAbsolute(target)
	case string(req.Method) != "OPTIONS":
		return errAsterisk
	}
	req.Path = target
	return nil
}

// splitPath sets Path and Query from the part of a target after any authority.
func (req *Request) splitPath(rest []byte) {
	path, query, found := bytes.Cut(rest, []byte("?"))
	if len(path) == 0 {
		path = rootPath
	}
	req.Path = path
	if found {
		req.Query = query
	}
}

// splitAbsolute splits an absolute URI, which every server must accept (RFC 9112 section 3.2.2).
// Its authority takes precedence over the Host field. User information is an error (RFC 9110
// section 4.2.4), and so is an empty host (section 4.2.1).
func (req *Request) splitAbsolute(target []byte) *Refusal {
	rest, ok := cutScheme(target)
	if !ok {
		return errTargetForm
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host := rest[:end]
	if len(host) == 0 || host[0] == ':' || !validHost(host) {
		return errAuthority
	}
	req.Host = host
	req.splitPath(rest[end:])
	return nil
}

// cutScheme removes the scheme. It accepts https as well, because that is the scheme that clients
// use in requests to a proxy that terminates TLS.
func cutScheme(target []byte) (rest []byte, ok bool) {
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(target) >= len(scheme) && equalFold(target[:len(scheme)], scheme) {
			return target[len(scheme):], true
		}
	}
	return nil, false
}

// validHost reports whether h is uri-host [ ":" port ] (RFC 9110 section 7.2). An empty name is
// valid, because clients must send it if their URI has no authority (RFC 9112 section 3.2). Of the
// literals in brackets, only IPv6 is accepted, because no other form was ever defined.
func validHost(h []byte) bool {
	var port []byte
	if len(h) > 0 && h[0] == '[' {
		end := span(h, 1, ipv6Char)
		if end == 1 || end == len(h) || h[end] != ']' {
			return false
		}
		port = h[end+1:]
	} else {
		end := span(h, 0, hostChar)
		if !validEscapes(h[:end]) {
			return false
		}
		port = h[end:]
	}
	return len(port) == 0 || port[0] == ':' && all(port[1:], digitChar)
}
