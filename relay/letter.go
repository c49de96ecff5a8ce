package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/publish"
)

// A letter is one message on its way.
type letter struct {
	subject string
	key     string
	header  nats.Header
	data    []byte
	to      loop.Answerer
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

// bytes is about what a letter takes of memory.
func (l *letter) bytes() int { return len(l.data) + len(l.subject) + 256 }

// unknown is the error for a letter whose answer was lost.
func (l *letter) unknown() error {
	if l.key != "" {
		return fmt.Errorf("%w: the store was lost before it answered, so it is not known whether the message is stored; send it again with the same key", publish.ErrBusy)
	}
	return fmt.Errorf("%w: the store was lost before it answered, so it is not known whether the message is stored; to send it again may publish it twice (a KEY makes that harmless)", publish.ErrBusy)
}

// An ack is the stream's answer (JetStream's PubAck).
type ack struct {
	Seq       uint64 `json:"seq"`
	Duplicate bool   `json:"duplicate"`
	Error     *struct {
		Code        int    `json:"code"`
		Description string `json:"description"`
	} `json:"error"`
}

// heard takes one answer of the stream's.
func (s *sender) heard(m *nats.Msg) {
	number, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, s.inbox), 36, 64)
	if err != nil {
		return // it is none of ours
	}
	if len(m.Data) == 0 { // nobody listens there (status 503): there is no stream, or it has no leader
		s.settle(number, notStored, 0, nats.ErrNoResponders)
		return
	}
	var a ack
	if err := json.Unmarshal(m.Data, &a); err != nil {
		s.settle(number, refused, 0, fmt.Errorf("%w: the store's answer is none: %v", publish.ErrBusy, err))
		return
	}
	switch {
	case a.Error == nil && a.Seq > 0:
		s.stored(a.Seq)
		s.settle(number, stored, a.Seq, nil)
		if a.Duplicate {
			s.duplicates.Add(1)
		}
	case a.Error != nil && a.Error.Code == 503: // it says so itself: not now
		s.settle(number, notStored, 0, errors.New(a.Error.Description))
	default:
		why := "no reason given"
		if a.Error != nil {
			why = a.Error.Description
		}
		s.settle(number, refused, 0, fmt.Errorf("%w: the store refuses the message: %s", publish.ErrBusy, why))
	}
}
