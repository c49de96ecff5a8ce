package publish

import "bytes"

// A prefixCache holds the beginning of the last accepted PUB line, up to its data, such
// as "PUB /pets/dogs new-dog ". Most publishers repeat it in every line. A line that
// begins with the same bytes has the same namespace and event, which need no parsing
// and no check: that is half the cost of a short message.
type prefixCache struct {
	prefix    []byte
	namespace []byte // a part of prefix, canonical
	event     []byte // a part of prefix; empty: no event
}

// remember caches the beginning of a parsed PUB line. Its namespace and event must be valid.
func (p *prefixCache) remember(line []byte, c *command, canonical []byte) {
	p.prefix = append(p.prefix[:0], line[:len(line)-len(c.data)]...)
	p.namespace = p.prefix[len("PUB "):][:len(canonical)]
	p.event = p.prefix[len(p.prefix)-1-len(c.event):][:len(c.event)]
}

// publishCached publishes the lines at the beginning of in, as long as they begin with the cached
// prefix, are complete and are not too long. The parser handles the rest. It also handles every
// line while a token is required, because the token may no longer cover the namespace, and every
// line to which a key applies.
func (s *Session) publishCached(in []byte, sink Sink, out []byte) (rest, replies []byte) {
	p := &s.prefixCache
	if len(p.prefix) == 0 || len(s.held) > 0 || s.key.active || s.needsToken() {
		return in, out
	}
	longest := s.lineBytesMax() - len(p.prefix)
	for bytes.HasPrefix(in, p.prefix) {
		data := in[len(p.prefix):]
		end := bytes.IndexByte(data, '\n')
		if end < 0 || end > longest {
			break
		}
		out = s.publish(p.namespace, p.event, trimCR(data[:end]), sink, out)
		in = data[end+1:]
	}
	return in, out
}
