package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A pendingMsg is one message without an ack.
type pendingMsg struct {
	subject string
	key     string
	header  nats.Header
	data    []byte
	to      loop.Acker
	until   time.Time
	state   state
	seq     uint64
	err     error
}

type state uint8

const (
	unsent state = iota
	sent
	notStored
	stored
	refused
)

// bytes estimates the memory that a message takes.
func (p *pendingMsg) bytes() int { return len(p.data) + len(p.subject) + 256 }

// recordBytes estimates what a message takes in the store's cache: its record, with the
// event in its header.
func (p *pendingMsg) recordBytes() int { return len(p.data) + len(p.subject) + len(p.key) + 128 }

// unknown returns the error for a message whose ack was lost.
func (p *pendingMsg) unknown() error {
	if p.key != "" {
		return fmt.Errorf("%w: the store was lost before it answered, so it is not known whether the message is stored; send it again with the same key", publish.ErrBusy)
	}
	return fmt.Errorf("%w: the store was lost before it answered, so it is not known whether the message is stored; to send it again may publish it twice (a KEY makes that harmless)", publish.ErrBusy)
}

// An ack is the stream's answer to one message (JetStream's PubAck).
type ack struct {
	Seq       uint64 `json:"seq"`
	Duplicate bool   `json:"duplicate"`
	Error     *struct {
		Code        int    `json:"code"`
		ErrCode     int    `json:"err_code"`
		Description string `json:"description"`
	} `json:"error"`
}

// JetStream's error codes for a message that its stream can never take.
const (
	errCodeMessageSize = 10054 // "message size exceeds maximum allowed"
	errCodeHeaderSize  = 10097 // "header size exceeds maximum allowed of 64k"
)

// refusal returns the error for a message that the stream has refused. A message that is
// too long stays too long, so its error must not ask the publisher to try again.
func (a *ack) refusal() error {
	switch {
	case a.Error == nil:
		return fmt.Errorf("%w: the store refuses the message: no reason given", publish.ErrBusy)
	case a.Error.ErrCode == errCodeMessageSize || a.Error.ErrCode == errCodeHeaderSize:
		return fmt.Errorf("%w: the store refuses the message: %s", sse.ErrTooLong, a.Error.Description)
	}
	return fmt.Errorf("%w: the store refuses the message: %s", publish.ErrBusy, a.Error.Description)
}

// plainAck reads an answer as nearly all are, {"stream":"ssed", "seq":17}, and tells
// whether it is one. All others are for the JSON library, which takes ten times as
// long.
func plainAck(data []byte) (seq uint64, plain bool) {
	name, ok := bytes.CutPrefix(data, []byte(`{"stream":"`))
	end := bytes.IndexFunc(name, func(r rune) bool { return r == '"' || r == '\\' || r < ' ' })
	if !ok || end < 0 {
		return 0, false
	}
	digits, ok := bytes.CutPrefix(name[end:], []byte(`", "seq":`))
	digits, closed := bytes.CutSuffix(digits, []byte("}"))
	if !ok || !closed || len(digits) == 0 || digits[0] == '0' {
		return 0, false
	}
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	return seq, err == nil
}

// onAck handles one answer of the stream.
func (s *sender) onAck(m *nats.Msg) {
	number, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, s.inbox), 36, 64)
	if err != nil {
		return // not a reply to one of our messages
	}
	if len(m.Data) == 0 { // no responders (status 503): there is no stream, or it has no leader
		s.resolve(number, notStored, 0, nats.ErrNoResponders)
		return
	}
	if seq, plain := plainAck(m.Data); plain {
		s.onStored(seq)
		s.resolve(number, stored, seq, nil)
		return
	}
	var a ack
	if err := json.Unmarshal(m.Data, &a); err != nil {
		s.resolve(number, refused, 0, fmt.Errorf("%w: the store's answer is none: %v", publish.ErrBusy, err))
		return
	}
	switch {
	case a.Error == nil && a.Seq > 0:
		s.onStored(a.Seq)
		s.resolve(number, stored, a.Seq, nil)
		if a.Duplicate {
			s.duplicates.Add(1)
		}
	case a.Error != nil && a.Error.Code == 503: // unavailable now
		s.resolve(number, notStored, 0, errors.New(a.Error.Description))
	default:
		s.resolve(number, refused, 0, a.refusal())
	}
}
