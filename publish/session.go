package publish

import (
	"bytes"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// heldBytesKept is the largest buffer that a session keeps when it has nothing
// to hold. Ordinary half lines fit, so they cost no allocation; a megabyte that
// came in pieces is given back.
const heldBytesKept = 4096

// Sink takes what a session accepts. The slices are the caller's again when
// Publish returns.
type Sink interface {
	// Publish takes one checked message (canonical namespace, checked event,
	// valid UTF-8 data) and returns its place in the order of publishing. An
	// error that wraps ErrBusy becomes "ERR busy <words>"; ErrPending leaves the
	// reply open.
	Publish(namespace, event, data []byte) (sequence uint64, err error)
}

// A KeyedSink also knows a message again by its key.
type KeyedSink interface {
	Sink
	// PublishKeyed is Publish with a checked key (sse.CheckKey). A message whose
	// key it knows already is not published: the sequence is that of the first.
	PublishKeyed(key, namespace, event, data []byte) (sequence uint64, err error)
}

// A Grant is what a good token allows.
type Grant interface {
	// Allows tells whether the canonical namespace may be published to.
	Allows(namespace []byte) bool
}

// An Authenticator knows tokens. It compares them in constant time.
type Authenticator interface {
	// Required tells whether publishing needs a token at the moment.
	Required() bool
	// Authenticate returns the grant of a token, or false for a bad one. The
	// token is the caller's again when it returns.
	Authenticate(token []byte) (Grant, bool)
}

// Config is what all sessions of a listener share. It must not change while one
// of them lives.
type Config struct {
	// Auth knows the publishers' tokens; nil lets everybody publish everywhere.
	Auth Authenticator
	// DataBytesMax is the longest data of one message; zero means
	// sse.DataBytesMax.
	DataBytesMax int
	// Reserved are the event names that publishers may not use; nil reserves
	// nothing. A PUB or PUBN with one of them is answered "ERR event".
	Reserved sse.ReservedEvents
}

// state is what the next byte of a connection belongs to.
type state uint8

const (
	inLine       state = iota // a command's line
	inPayload                 // the bytes that a PUBN announced
	atPayloadEnd              // the line end behind them
	skippingLine              // a line that was answered before its end was seen
	finished                  // nothing: QUIT was said
)

// A Session is one publisher's conversation: bytes in, messages and replies out.
//
//	        ┌───────── PUBN, payload not all there ─────────┐
//	        │                                               ▼
//	QUIT ◀ inLine ──too long──▶ skippingLine ◀─not LF─ atPayloadEnd ◀── inPayload
//	        ▲  ▲                     │                      │
//	        │  └──────── LF ─────────┘                      │
//	        └───────────────────── LF ──────────────────────┘
//
// A KEY changes none of these states, but s.key, where it waits for a PUB or PUBN.
type Session struct {
	cfg   *Config
	grant Grant // what AUTH gave; nil before
	quiet bool  // OKs of PUB and PUBN are not sent
	state state

	// held is the unfinished command: in inLine the line so far, from inPayload
	// on the payload's namespace, event and bytes so far, one after the other.
	held []byte

	payload payload
	key     key // what KEY said, for the next PUB or PUBN

	prefixCache prefixCache

	pendingReplies []pendingReply // replies left open by the Sink since Replies.Add last took them
}

// payload is the PUBN whose bytes are not all there yet.
type payload struct {
	namespace, event int    // their lengths in held
	missing          uint64 // bytes still to come, without the line end
	refused          bool   // answered already: the bytes are only counted
	returned         bool   // a CR was seen behind the bytes
}

// NewSession begins a conversation.
func NewSession(cfg *Config) *Session { return &Session{cfg: cfg} }

// Buffered returns how many bytes of an unfinished command the session holds.
func (s *Session) Buffered() int { return len(s.held) }

// Feed parses in (after what an earlier call left over), publishes into sink and
// appends the replies to out. sink is the same in all calls. done is true after QUIT,
// and after an HTTP request that went astray: send replies, then close. in is not
// kept. If the sink returned ErrPending, some replies are open: see Pending and Replies.
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
	return out, s.state == finished
}

// line takes one line off in and runs its command, or holds what there is of it.
// Only new bytes are searched for the LF, so a line costs the same in total
// however small the pieces are that it comes in.
func (s *Session) line(in []byte, sink Sink, out []byte) (rest, replies []byte) {
	end := bytes.IndexByte(in, '\n')
	size := len(s.held) + end
	if end < 0 {
		size = len(s.held) + len(in)
	}
	if limit := s.lineBytesMax(); size > limit {
		s.key.passed(verbAt(s.held, in), CodeTooLong)
		s.release()
		s.state = skippingLine
		return in, AppendError(out, refuse(CodeTooLong, "a line has at most %d bytes: this one is skipped", limit))
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

// run obeys one line. rest is what follows it: a payload, if the line is a PUBN.
func (s *Session) run(line, rest []byte, sink Sink, out []byte) (after, replies []byte) {
	var c command
	if refused := parse(line, &c); refused != nil {
		s.key.passed(c.verb, refused.Code)
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
		out = AppendError(out, refuse(CodeSyntax, "publishers do not speak HTTP here: subscribers have a port of their own"))
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

// pubN publishes at once if the payload and its line end are there; then nothing
// is copied. Otherwise, or if the command is refused, the payload's states go on.
func (s *Session) pubN(c *command, rest []byte, sink Sink, out []byte) (after, replies []byte) {
	namespace, err := s.admit(c)
	if limit := s.dataBytesMax(); err == nil && c.size > uint64(limit) {
		err = refuse(CodeTooLong, "the data has %d bytes, at most %d are allowed", c.size, limit)
	}
	s.state, s.payload = inPayload, payload{missing: c.size, refused: err != nil}
	if err != nil {
		s.release()
		return s.begun(rest), AppendError(out, err)
	}
	if uint64(len(rest)) > c.size && rest[c.size] == '\n' {
		s.state = inLine
		out = s.publish(namespace, c.event, rest[:c.size], s.keyed(sink), out)
		s.key.clear()
		s.release()
		return rest[c.size+1:], out
	}
	s.payload.namespace, s.payload.event = len(namespace), len(c.event)
	// Both may lie in held already, in this order and further right: moving them
	// left in turn overwrites neither.
	s.held = append(s.held[:0], namespace...)
	s.held = append(s.held, c.event...)
	return s.begun(rest), out
}

// begun enters a payload, which may be empty.
func (s *Session) begun(rest []byte) []byte {
	if s.payload.missing == 0 {
		s.state = atPayloadEnd
	}
	return rest
}

// fill takes what belongs to the payload off in.
func (s *Session) fill(in []byte) (rest []byte) {
	n := int(min(s.payload.missing, uint64(len(in))))
	if !s.payload.refused {
		s.held = append(s.held, in[:n]...)
	}
	s.payload.missing -= uint64(n)
	return s.begun(in[n:])
}

// endPayload wants LF or CRLF, and publishes. Anything else means that the
// number was wrong, so the payload is not to be trusted either.
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
			"no line end behind the payload: does the number of bytes match? All up to the next line end is skipped"))
	}
	s.key.clear()
	s.release()
	s.state = skippingLine
	return in, out
}

// skipLine drops bytes up to the next LF, in no memory at all.
func (s *Session) skipLine(in []byte) (rest []byte) {
	end := bytes.IndexByte(in, '\n')
	if end < 0 {
		return nil
	}
	s.state = inLine
	return in[end+1:]
}

// admit checks everything about a PUB or PUBN but its data, in the order in which
// a publisher can mend it, and returns the canonical namespace.
func (s *Session) admit(c *command) (namespace []byte, err error) {
	if s.key.refused != "" {
		return nil, refuse(s.key.refused, "the KEY before this was refused, and without its key it is not published")
	}
	needsToken := s.needsToken()
	if needsToken && s.grant == nil {
		return nil, refuse(CodeAuth, "publishing needs a token here: send AUTH <token> first")
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

// publish checks the data, hands the message over and answers.
func (s *Session) publish(namespace, event, data []byte, sink Sink, out []byte) []byte {
	if err := sse.CheckData(data, s.dataBytesMax()); err != nil {
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

// unpublished answers what the sink took later or not at all.
func (s *Session) unpublished(err error, out []byte) []byte {
	if err == ErrPending { // a Sink returns it as it is; errors.Is would cost each message
		s.pendingReplies = append(s.pendingReplies, pendingReply{len(out), s.quiet})
		return out
	}
	return AppendError(out, err)
}

// auth answers AUTH. A bad token costs the command only: what an earlier one
// gave stays.
func (s *Session) auth(token, out []byte) []byte {
	if s.cfg.Auth == nil {
		return appendOK(out) // there is nothing to prove
	}
	grant, ok := s.cfg.Auth.Authenticate(token)
	if !ok && s.cfg.Auth.Required() {
		return AppendError(out, refuse(CodeAuth, "the token is not known here"))
	}
	if ok {
		s.grant = grant
	}
	return appendOK(out)
}

// lineBytesMax is the longest line that is held. Who may not publish yet has no
// data to send, and a stranger must not make us hold a megabyte.
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

// release empties held, and gives a large one back.
func (s *Session) release() {
	if cap(s.held) > heldBytesKept {
		s.held = nil
	}
	s.held = s.held[:0]
}

// trimCR drops the CR of a line that ended in CRLF.
func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
