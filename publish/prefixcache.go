package publish

import "bytes"

// familiar is how the last PUB that was accepted begins, up to its data, such as
// "PUB /pets/dogs new-dog ". Most publishers repeat that line after line. A line
// that begins with the same bytes has the same namespace and event, which need
// no parsing and no checking again: that is half the price of a short message.
type prefixCache struct {
	prefix    []byte
	namespace []byte // a part of begin, canonical
	event     []byte // a part of begin; empty means none
}

// remember keeps the beginning of a PUB line, whose command was taken apart and
// whose namespace and event are good.
func (p *prefixCache) remember(line []byte, c *command, canonical []byte) {
	p.prefix = append(p.prefix[:0], line[:len(line)-len(c.data)]...)
	p.namespace = p.prefix[len("PUB "):][:len(canonical)]
	p.event = p.prefix[len(p.prefix)-1-len(c.event):][:len(c.event)]
}

// familiarLines publishes the lines at the beginning of in, as long as they are
// familiar, whole and not too long. The first one that is not is left to be looked
// at closely, as are all while a token is needed, which may not cover them any more,
// and the one that a key waits for.
func (s *Session) publishCached(in []byte, sink Sink, out []byte) (rest, replies []byte) {
	p := &s.prefixCache
	if len(p.prefix) == 0 || len(s.held) > 0 || s.key.waits || s.needsToken() {
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
