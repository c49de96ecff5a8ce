package publish

import "bytes"

// A key is the outcome of a KEY command for the next PUB or PUBN: the key, or its refusal. A
// publisher that does not wait for replies may already have sent the PUB when the KEY is refused.
// Without its key the message might be published twice, so the PUB is refused, too.
//
// It also implements Sink for that one message, so that publish need not know about keys.
type key struct {
	active  bool   // a KEY was received and applies to the next PUB or PUBN
	text    []byte // the key; empty if the KEY was refused
	refused string // the code with which the KEY was refused; empty if it was accepted
	sink    KeyedSink
}

// clear forgets the key. It is called at the end of every PUB or PUBN, published or not.
func (k *key) clear() {
	if k.active {
		*k = key{text: k.text[:0]}
	}
}

// refuse records that the KEY was refused, so that the next PUB or PUBN is refused with the same
// code.
func (k *key) refuse(code string) { k.active, k.text, k.refused = true, k.text[:0], code }

// noteRefused updates the key after a line that was refused before it was parsed completely. v is
// the verb of the line, as far as it is known: a refused PUB or PUBN uses up the key, and a refused
// KEY refuses the next message.
func (k *key) noteRefused(v verb, code string) {
	switch v {
	case verbPub, verbPubN:
		k.clear()
	case verbKey:
		k.refuse(code)
	}
}

// Publish implements Sink. It publishes the message with the key.
func (k *key) Publish(namespace, event, data []byte) (sequence uint64, err error) {
	return k.sink.PublishKeyed(k.text, namespace, event, data)
}

// takeKey runs KEY.
func (s *Session) takeKey(text []byte, sink Sink, out []byte) []byte {
	if _, ok := sink.(KeyedSink); !ok {
		s.key.refuse(CodeSyntax)
		return AppendError(out, refuse(CodeSyntax,
			"KEY is not supported without a store: start the server with --store or --nats, or publish without KEY"))
	}
	s.key.active, s.key.text, s.key.refused = true, append(s.key.text[:0], text...), ""
	if s.quiet {
		return out
	}
	return appendOK(out)
}

// keyed returns the Sink for the next message: sink itself, or the key in front of it. It is not
// called after a refused KEY, because admit refuses that message.
func (s *Session) keyed(sink Sink) Sink {
	if !s.key.active {
		return sink
	}
	return s.key.before(sink)
}

// before returns k as a Sink that publishes to sink. sink is a KeyedSink, because takeKey has
// accepted the KEY.
func (k *key) before(sink Sink) Sink {
	k.sink = sink.(KeyedSink)
	return k
}

// verbAt returns the verb of a line that is too long to be parsed, or 0 if the verb does not affect
// a key. The line begins in held and continues in in.
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
