package publish

import "bytes"

// A key is what KEY left for the next PUB or PUBN: the key, or that it was refused.
// A publisher that does not wait for replies has sent the PUB by then; published
// without its key it could be there twice, so it is refused, too.
//
// It is also the Sink of that one message: the key's way around the session.
type key struct {
	waits   bool   // there is one of the two for the next PUB or PUBN
	text    []byte // empty: none
	refused string // the code with which the KEY was refused; empty: it was not
	sink    KeyedSink
}

// clear is called at the end of every PUB or PUBN, whatever became of it.
func (k *key) clear() {
	if k.waits {
		*k = key{text: k.text[:0]}
	}
}

// refuse makes the next PUB or PUBN be refused with a code.
func (k *key) refuse(code string) { k.waits, k.text, k.refused = true, k.text[:0], code }

// passed looks at a command that was refused before it was understood, as far as
// it is known what it would have been.
func (k *key) passed(v verb, code string) {
	switch v {
	case verbPub, verbPubN:
		k.clear()
	case verbKey:
		k.refuse(code)
	}
}

// Publish publishes with the key.
func (k *key) Publish(namespace, event, data []byte) (sequence uint64, err error) {
	return k.sink.PublishKeyed(k.text, namespace, event, data)
}

// takeKey answers KEY.
func (s *Session) takeKey(text []byte, sink Sink, out []byte) []byte {
	if _, ok := sink.(KeyedSink); !ok {
		s.key.refuse(CodeSyntax)
		return AppendError(out, refuse(CodeSyntax,
			"this server keeps no keys: start it with --store or --nats, or publish without KEY"))
	}
	s.key.waits, s.key.text, s.key.refused = true, append(s.key.text[:0], text...), ""
	if s.quiet {
		return out
	}
	return appendOK(out)
}

// keyed is where the next message goes: to sink, past the key if there is one. A
// refused one does not get here, for admit looks.
func (s *Session) keyed(sink Sink) Sink {
	if !s.key.waits {
		return sink
	}
	return s.key.before(sink)
}

// before stands in front of sink, which took the KEY and so is a KeyedSink.
func (k *key) before(sink Sink) Sink {
	k.sink = sink.(KeyedSink)
	return k
}

// verbAt is the verb of a line that is too long to be parsed, as far as it matters
// to a key. The line begins in held and goes on in in.
func verbAt(held, in []byte) verb {
	var first [len("PUBN ")]byte
	n := copy(first[:], held)
	copy(first[n:], in)
	switch word, _, _ := bytes.Cut(first[:], []byte(" ")); string(word) {
	case "PUB":
		return verbPub
	case "PUBN":
		return verbPubN
	case "KEY":
		return verbKey
	}
	return 0
}
