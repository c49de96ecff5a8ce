package publish

import (
	"bytes"
	"errors"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// heldBytesKept is the largest buffer that a session keeps while no command is unfinished. It fits
// the usual incomplete lines, so these cost no allocation. A larger buffer, such as that of a
// megabyte received in pieces, is freed.
const heldBytesKept = 4096

// Sink receives the messages that a session accepts. It must not keep the slices after Publish
// returns.
type Sink interface {
	// Publish publishes one checked message (canonical namespace, checked event, valid UTF-8 data)
	// and returns its place in the order of publishing. An error that wraps ErrBusy becomes "ERR
	// busy <words>"; ErrPending leaves the reply open.
	Publish(namespace, event, data []byte) (sequence uint64, err error)
}

// A KeyedSink is a Sink that recognizes repeated messages by their keys.
type KeyedSink interface {
	Sink
	// PublishKeyed is like Publish, with a checked key (sse.CheckKey). If the key is already known,
	// the message is not published again, and the sequence of the first message is returned.
	PublishKeyed(key, namespace, event, data []byte) (sequence uint64, err error)
}

// A Grant represents the permissions of a valid token.
type Grant interface {
	// Allows reports whether the token allows publishing to the canonical namespace.
	Allows(namespace []byte) bool
}

// An Authenticator checks tokens. It must compare them in constant time.
type Authenticator interface {
	// Required reports whether publishing currently requires a token.
	Required() bool
	// Authenticate returns the grant of a token, or false if the token is not valid. It must not
	// keep the slice.
	Authenticate(token []byte) (Grant, bool)
}

// Config is shared by all sessions of a listener. It must not change while any of them exists.
type Config struct {
	// Auth checks the publishers' tokens. Nil allows every publisher to publish everywhere.
	Auth Authenticator
	// DataBytesMax limits the data of one message. Zero means sse.DataBytesMax.
	DataBytesMax int
	// Reserved lists the event names that publishers may not use. Nil reserves no names. A PUB or
	// PUBN with a reserved name is answered "ERR event".
	Reserved sse.ReservedEvents
}

// state tells where in the protocol the next byte of the connection belongs.
type state uint8

const (
	inLine       state = iota // in the line of a command
	inPayload                 // in the bytes that a PUBN announced
	atPayloadEnd              // in the line end after these bytes
	skippingLine              // in the rest of a line that was already answered
	finished                  // nowhere: the conversation has ended
)

// A Session is the conversation with one publisher: bytes go in, messages and replies come out.
//
//	        ┌───────── PUBN, payload not all there ─────────┐
//	        │                                               ▼
//	QUIT ◀ inLine ──too long──▶ skippingLine ◀─not LF─ atPayloadEnd ◀── inPayload
//	        ▲  ▲                     │                      │
//	        │  └──────── LF ─────────┘                      │
//	        └───────────────────── LF ──────────────────────┘
//
// A KEY does not change the state: it sets s.key, which the next PUB or PUBN uses up.
type Session struct {
	cfg   *Config
	grant Grant // of the last valid AUTH; nil before the first
	quiet bool  // the OK replies of PUB, PUBN and KEY are not sent
	state state

	// held contains the unfinished command. In inLine, it is the line so far. From inPayload on,
	// it is the namespace, the event and the payload so far, one after the other.
	held []byte

	payload payload
	key     key // set by KEY, for the next PUB or PUBN

	prefixCache prefixCache

	pendingReplies []pendingReply // replies that the Sink left open since the last Replies.Add
}

// payload describes the PUBN whose payload is being received.
type payload struct {
	namespace, event int    // their lengths in held
	missing          uint64 // bytes of the payload not received yet, without the line end
	refused          bool   // the command was answered already: its payload is counted, not kept
	returned         bool   // a CR was received after the payload
}

// NewSession returns a Session for a new connection.
func NewSession(cfg *Config) *Session { return &Session{cfg: cfg} }

// Buffered returns how many bytes of an unfinished command the session holds.
func (s *Session) Buffered() int { return len(s.held) }

// Feed parses in, as the continuation of the bytes of earlier calls, publishes messages to sink and
// appends the replies to out. All calls must pass the same sink. Feed does not keep in.
//
// done is true after QUIT and after an HTTP request: the caller then sends the replies and closes
// the connection. If the sink returned ErrPending, some replies are open: see Pending and Replies.
func (s *Session) Feed(in []byte, sink Sink, out []byte) (replies []byte, done bool) {
	for len(in) > 0 && s.state != finished {
		switch s.state {
		case inLine:
			if in, out = s.publishCached(in, sink, out); len(in) > 0 {
				in, out = s.line(in, sink, out)
			}
		case inPayload:
			in = s.fill(in)
		case atPayloadEnd:
			in, out = s.endPayload(in, sink, out)
		case skippingLine:
			in = s.skipLine(in)
		}
	}
	if f, ok := sink.(Flusher); ok {
		f.Flush()
	}
	return out, s.state == finished
}

// line removes one line from in and runs its command. If the line is incomplete, it appends the
// bytes to held. It searches only the new bytes for the LF, so the total cost of a line does not
// depend on the sizes of the pieces in which it arrives.
func (s *Session) line(in []byte, sink Sink, out []byte) (rest, replies []byte) {
	end := bytes.IndexByte(in, '\n')
	size := len(s.held) + end
	if end < 0 {
		size = len(s.held) + len(in)
	}
	if limit := s.lineBytesMax(); size > limit {
		s.key.noteRefused(verbAt(s.held, in), CodeTooLong)
		s.release()
		s.state = skippingLine
		return in, AppendError(out, refuse(CodeTooLong, "line too long: at most %d bytes are allowed; the line is skipped", limit))
	}
	if end < 0 {
		s.held = append(s.held, in...)
		return nil, out
	}
	line, rest := in[:end], in[end+1:]
	if len(s.held) > 0 {
		s.held = append(s.held, line...)
		line = s.held
	}
	return s.run(trimCR(line), rest, sink, out)
}

// run executes the command in one line. rest is the input after the line, which starts with the
// payload if the command is a PUBN. run returns the input that remains after the command.
func (s *Session) run(line, rest []byte, sink Sink, out []byte) (after, replies []byte) {
	var c command
	if refused := parse(line, &c); refused != nil {
		s.key.noteRefused(c.verb, refused.Code)
		s.release()
		return rest, AppendError(out, refused)
	}
	switch c.verb {
	case verbPub:
		out = s.pub(line, &c, sink, out)
	case verbPubN:
		return s.pubN(&c, rest, sink, out)
	case verbKey:
		out = s.takeKey(c.word, sink, out)
	case verbAuth:
		out = s.auth(c.word, out)
	case verbPing:
		out = appendPong(out)
	case verbQuiet:
		s.quiet = c.quiet
		out = appendOK(out)
	case verbQuit:
		s.state = finished
		out = appendOK(out)
	case verbHTTP:
		s.state = finished
		out = AppendError(out, refuse(CodeSyntax, "HTTP is not supported on the publish port: subscribers use another port"))
	}
	s.release()
	return rest, out
}

func (s *Session) pub(line []byte, c *command, sink Sink, out []byte) []byte {
	namespace, err := s.admit(c)
	if err != nil {
		s.key.clear()
		return AppendError(out, err)
	}
	s.prefixCache.remember(line, c, namespace)
	out = s.publish(namespace, c.event, c.data, s.keyed(sink), out)
	s.key.clear()
	return out
}

// pubN runs a PUBN. If rest contains the payload and its LF, the message is published from there,
// without a copy. Otherwise, and if the command is refused, the session continues in the states
// inPayload and atPayloadEnd.
func (s *Session) pubN(c *command, rest []byte, sink Sink, out []byte) (after, replies []byte) {
	namespace, err := s.admit(c)
	if err == nil && c.size > uint64(s.dataBytesMax()) {
		err = s.tooLong(c.size)
	}
	s.state, s.payload = inPayload, payload{missing: c.size, refused: err != nil}
	if err != nil {
		s.release()
		return s.advancePayload(rest), AppendError(out, err)
	}
	if uint64(len(rest)) > c.size && rest[c.size] == '\n' {
		s.state = inLine
		out = s.publish(namespace, c.event, rest[:c.size], s.keyed(sink), out)
		s.key.clear()
		s.release()
		return rest[c.size+1:], out
	}
	s.payload.namespace, s.payload.event = len(namespace), len(c.event)
	// The namespace and the event may be parts of held, in this order and further to the right.
	// Moving them to the left one after the other overwrites neither.
	s.held = append(s.held[:0], namespace...)
	s.held = append(s.held, c.event...)
	return s.advancePayload(rest), out
}

// advancePayload changes the state to atPayloadEnd once the payload is complete. An empty payload
// is complete from the start.
func (s *Session) advancePayload(rest []byte) []byte {
	if s.payload.missing == 0 {
		s.state = atPayloadEnd
	}
	return rest
}

// fill moves the bytes of the payload from in to held, or skips them if the command was refused.
func (s *Session) fill(in []byte) (rest []byte) {
	n := int(min(s.payload.missing, uint64(len(in))))
	if !s.payload.refused {
		s.held = append(s.held, in[:n]...)
	}
	s.payload.missing -= uint64(n)
	return s.advancePayload(in[n:])
}

// endPayload expects LF or CRLF, and then publishes the message. Anything else means that the
// number of bytes was wrong, so the payload cannot be trusted: the message is refused.
func (s *Session) endPayload(in []byte, sink Sink, out []byte) (rest, replies []byte) {
	p := &s.payload
	switch {
	case in[0] == '\r' && !p.returned:
		p.returned = true
		return in[1:], out
	case in[0] == '\n':
		if !p.refused {
			namespace, data := s.held[:p.namespace], s.held[p.namespace+p.event:]
			out = s.publish(namespace, s.held[p.namespace:][:p.event], data, s.keyed(sink), out)
		}
		s.key.clear()
		s.release()
		s.state = inLine
		return in[1:], out
	}
	if !p.refused {
		out = AppendError(out, refuse(CodeSyntax,
			"missing line end after the payload: check the number of bytes; input is skipped up to the next line end"))
	}
	s.key.clear()
	s.release()
	s.state = skippingLine
	return in, out
}

// skipLine drops bytes up to and including the next LF. It stores nothing.
func (s *Session) skipLine(in []byte) (rest []byte) {
	end := bytes.IndexByte(in, '\n')
	if end < 0 {
		return nil
	}
	s.state = inLine
	return in[end+1:]
}

// admit checks a PUB or PUBN, except for its data, and returns the canonical namespace. It reports
// problems in the order in which a publisher can fix them.
func (s *Session) admit(c *command) (namespace []byte, err error) {
	if s.key.refused != "" {
		return nil, refuse(s.key.refused, "the preceding KEY was refused, so this message is not published without its key")
	}
	needsToken := s.needsToken()
	if needsToken && s.grant == nil {
		return nil, refuse(CodeAuth, "publishing requires a token: send AUTH <token> first")
	}
	namespace, err = nsindex.Canonical(c.namespace)
	if err != nil {
		return nil, err
	}
	if needsToken && !s.grant.Allows(namespace) {
		return nil, refuse(CodeAuth, "the token does not cover namespace %s", quote(namespace))
	}
	if err := sse.CheckEvent(c.event); err != nil {
		return nil, err
	}
	return namespace, s.cfg.Reserved.Check(c.event)
}

// publish checks the data, passes the message to sink, and appends the reply.
func (s *Session) publish(namespace, event, data []byte, sink Sink, out []byte) []byte {
	if err := sse.CheckData(data, s.dataBytesMax()); err != nil {
		if errors.Is(err, sse.ErrTooLong) {
			err = s.tooLong(uint64(len(data)))
		}
		return AppendError(out, err)
	}
	sequence, err := sink.Publish(namespace, event, data)
	switch {
	case err != nil:
		return s.unpublished(err, out)
	case s.quiet:
		return out
	}
	return appendSequence(out, sequence)
}

// tooLong returns the refusal of data with more bytes than the limit.
func (s *Session) tooLong(size uint64) *ReplyError {
	return refuse(CodeTooLong, "the data has %d bytes, more than the server's limit of %d", size, s.dataBytesMax())
}

// unpublished leaves the reply open if the sink answers later, and appends an ERR otherwise.
func (s *Session) unpublished(err error, out []byte) []byte {
	if err == ErrPending { // a Sink returns it unwrapped; errors.Is would add a cost to every message
		s.pendingReplies = append(s.pendingReplies, pendingReply{len(out), s.quiet})
		return out
	}
	return AppendError(out, err)
}

// auth runs AUTH. If the token is not valid, the grant of an earlier token remains.
func (s *Session) auth(token, out []byte) []byte {
	if s.cfg.Auth == nil {
		return appendOK(out) // publishing requires no token
	}
	grant, ok := s.cfg.Auth.Authenticate(token)
	if !ok && s.cfg.Auth.Required() {
		return AppendError(out, refuse(CodeAuth, "this token is unknown or may not publish"))
	}
	if ok {
		s.grant = grant
	}
	return appendOK(out)
}

// lineBytesMax returns the length of the longest line that the session accepts. A publisher without
// a valid token may not send data, so its lines are limited to the bytes without data: an unknown
// client must not make the server hold a megabyte.
func (s *Session) lineBytesMax() int {
	if s.grant == nil && s.needsToken() {
		return lineBytesMax(0)
	}
	return lineBytesMax(s.dataBytesMax())
}

func (s *Session) needsToken() bool { return s.cfg.Auth != nil && s.cfg.Auth.Required() }

func (s *Session) dataBytesMax() int {
	if s.cfg.DataBytesMax == 0 {
		return sse.DataBytesMax
	}
	return s.cfg.DataBytesMax
}

// release empties held, and frees its memory if it is large.
func (s *Session) release() {
	if cap(s.held) > heldBytesKept {
		s.held = nil
	}
	s.held = s.held[:0]
}

// trimCR removes the CR of a line that ended in CRLF.
func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
