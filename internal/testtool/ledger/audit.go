package ledger

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/ssed/ssed/sse"
)

// A Message is one message as a subscriber received it.
type Message struct {
	ID    sse.ID
	Event string
	Data  string
}

// A Gap is a gap event as a subscriber received it.
type Gap struct {
	sse.Gap
	At int // number of messages that the subscriber received before the gap event
}

// A Record contains everything that one subscriber received, in order.
type Record struct {
	Messages []Message
	Gaps     []Gap
}

// An Audit checks a Record against the ledgers of all publishers of the subscriber's namespaces. It
// requires:
//
//   - each acknowledged message, exactly once and with the acknowledged sequence;
//   - ids of one epoch with rising sequences;
//   - only messages that were sent. A message that was not acknowledged may be missing, or
//     arrive once.
type Audit struct {
	Ledgers []*Ledger
	// After is the sequence after which the subscriber began. Later messages are required, and
	// earlier ones are errors. With 0, all messages are required.
	After uint64
	// InOrder requires that the messages of each ledger arrive in the order of sending. It
	// does not hold for publishers that send a message again after others.
	InOrder bool
	// AllowGaps accepts that a message is missing if a gap event covers it and arrived
	// before any later message. Without AllowGaps, a gap event is an error.
	AllowGaps bool
}

// entries returns all messages of the ledgers by their data, and the acknowledged messages after
// a.After, sorted by sequence. The subscriber must receive the latter, or a gap event for them.
func (a Audit) entries() (sent map[string]entry, due []entry) {
	sent = map[string]entry{}
	for _, l := range a.Ledgers {
		l.mu.Lock()
		for data, e := range l.entries {
			if sent[data] = e; e.sequence > a.After {
				due = append(due, e)
			}
		}
		l.mu.Unlock()
	}
	slices.SortFunc(due, func(x, y entry) int { return cmp.Compare(x.sequence, y.sequence) })
	return sent, due
}

// Check returns an error that describes the first message that is lost, repeated,
// reordered or otherwise wrong, or nil.
func (a Audit) Check(r Record) error {
	if len(r.Gaps) > 0 && !a.AllowGaps {
		return fmt.Errorf("gap event after %d messages, but no message may be missing: %+v", r.Gaps[0].At, r.Gaps[0].Gap)
	}
	c := &check{Audit: a, Record: r, seen: map[string]sse.ID{}, newest: map[*Ledger]int{}}
	c.sent, c.due = a.entries()
	expected := len(c.due)
	for i := range r.Messages {
		if err := c.message(i); err != nil {
			return err
		}
	}
	c.passOver(len(r.Messages), math.MaxUint64)
	if len(c.lost) > 0 {
		return fmt.Errorf("lost: %d of %d acknowledged messages did not arrive, the first is %.100q, acknowledged as %d; %d messages and these gaps arrived: %+v",
			len(c.lost), expected, c.lost[0].data, c.lost[0].sequence, len(r.Messages), r.Gaps)
	}
	return nil
}

// A check is one run of Check.
type check struct {
	Audit
	Record
	sent   map[string]entry // by data
	due    []entry          // acknowledged and not accounted for yet, sorted by sequence
	lost   []entry
	seen   map[string]sse.ID // by data
	newest map[*Ledger]int   // order of the newest received message of each ledger, plus 1
}

// message checks message i of the record against the messages before it.
func (c *check) message(i int) error {
	m := c.Messages[i]
	from, sent := c.sent[m.Data]
	before, repeated := c.seen[m.Data]
	switch {
	case !sent:
		return fmt.Errorf("unknown: message %d is %s, which no publisher sent", i, m)
	case repeated:
		return fmt.Errorf("repeated: message %d is %s, which arrived before as %s", i, m, before)
	case i > 0 && m.ID.Epoch != c.Messages[i-1].ID.Epoch:
		return fmt.Errorf("epoch: message %d is %s, after %s", i, m, c.Messages[i-1])
	case i > 0 && m.ID.Seq <= c.Messages[i-1].ID.Seq:
		return fmt.Errorf("reordered: message %d is %s, after %s", i, m, c.Messages[i-1])
	case m.ID.Seq <= c.After:
		return fmt.Errorf("repeated: message %d is %s, but the subscriber began after %d", i, m, c.After)
	case from.sequence != 0 && from.sequence != m.ID.Seq:
		return fmt.Errorf("sequence: message %d is %s, which was acknowledged as %d", i, m, from.sequence)
	case m.Event != from.ledger.event():
		return fmt.Errorf("event: message %d is %s, which was sent as event %q", i, m, from.ledger.event())
	case c.InOrder && from.order < c.newest[from.ledger]:
		return fmt.Errorf("reordered: message %d is %s, which its publisher sent before an earlier one", i, m)
	}
	c.seen[m.Data], c.newest[from.ledger] = m.ID, from.order+1
	c.passOver(i, m.ID.Seq)
	if from.sequence != 0 {
		c.due = c.due[1:] // passOver has removed all earlier ones, so this is the first
	}
	return nil
}

// passOver accounts for the due messages before the sequence of message i. Either a gap event that
// arrived before message i covers them, or they are lost.
func (c *check) passOver(i int, sequence uint64) {
	for len(c.due) > 0 && c.due[0].sequence < sequence {
		if !c.covered(c.due[0].sequence, i) {
			c.lost = append(c.lost, c.due[0])
		}
		c.due = c.due[1:]
	}
}

// covered reports whether a gap event that arrived before message i covers a sequence.
func (c *check) covered(sequence uint64, i int) bool {
	return slices.ContainsFunc(c.Gaps, func(g Gap) bool {
		asked, _ := sse.ParseID([]byte(g.Asked)) // no valid id: from the beginning
		until, err := sse.ParseID([]byte(g.CompleteAfter))
		return err == nil && g.At <= i && asked.Seq < sequence && sequence <= until.Seq
	})
}

// String describes a message in one line, with the beginning of its data.
func (m Message) String() string {
	return fmt.Sprintf("%s %s %.100q", m.ID, m.Event, m.Data)
}
