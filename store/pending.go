package store

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A pendingMsg is one message in the sender's queue. The first group of fields does not change
// after submit. The sender's mu guards the second group.
type pendingMsg struct {
	subject string
	key     string
	header  nats.Header // may be shared with other messages: see headers
	data    []byte
	to      loop.Acker
	until   time.Time // when it times out

	state state
	seq   uint64 // the sequence in the stream, if the state is stored
	err   error  // the reply if the state is unknown or refused; if it is notStored, the cause
}

// A state is the state of a message in the sender's queue. The picture is at sender.
type state uint8

const (
	unsent    state = iota
	sent            // it is in flight: given to the connection, no ack yet
	notStored       // it is certain that the stream did not store it
	stored          // this state and all below are final
	unknown         // the publisher gets an error, but the stream may have stored it
	refused         // the publisher gets an error, and the stream did not store it
)

// isFinal reports whether the message has a result for its publisher.
func (s state) isFinal() bool { return s >= stored }

// bytes estimates the memory that a message uses.
func (p *pendingMsg) bytes() int { return len(p.data) + len(p.subject) + 256 }

// recordBytes estimates how much of the store's cache a message uses: its record, with the
// event in its header.
func (p *pendingMsg) recordBytes() int { return len(p.data) + len(p.subject) + len(p.key) + 128 }

// noAck returns the error for a message without an ack, which may or may not be stored.
func (p *pendingMsg) noAck() error {
	advice := "sending it again may publish it twice (a KEY prevents that)"
	if p.key != "" {
		advice = "send it again with the same key"
	}
	return fmt.Errorf("%w: no ack from the store, it is not known whether the message is stored; %s", publish.ErrBusy, advice)
}

// An ack is the stream's acknowledgement or refusal of one message (JetStream's PubAck).
type ack struct {
	Seq       uint64 `json:"seq"`
	Duplicate bool   `json:"duplicate"`
	Error     *struct {
		Code        int    `json:"code"`
		ErrCode     int    `json:"err_code"`
		Description string `json:"description"`
	} `json:"error"`
}

// JetStream's error codes for a message that the stream will never accept.
const (
	errCodeMessageSize = 10054 // "message size exceeds maximum allowed"
	errCodeHeaderSize  = 10097 // "header size exceeds maximum allowed of 64k"
)

// refusal returns the error for a message that the stream has rejected. For a message that is
// too long it wraps sse.ErrTooLong, because trying again would not help.
func (a *ack) refusal() error {
	switch {
	case a.Error == nil:
		return fmt.Errorf("%w: the store rejected the message: no reason given", publish.ErrBusy)
	case a.Error.ErrCode == errCodeMessageSize || a.Error.ErrCode == errCodeHeaderSize:
		return fmt.Errorf("%w: the store rejected the message: %s", sse.ErrTooLong, a.Error.Description)
	}
	return fmt.Errorf("%w: the store rejected the message: %s", publish.ErrBusy, a.Error.Description)
}

// plainAck parses an ack in the form that nearly all have, {"stream":"ssed", "seq":17}. plain is
// false for any other form, which needs the JSON library. That takes ten times as long.
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
