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
	At int // how many messages the subscriber had received before it
}

// A Record is everything that one subscriber received, in the order in which it came.
type Record struct {
	Messages []Message
	Gaps     []Gap
}

// An Audit says what a subscriber must have received, by the ledgers of all publishers
// that it listens to:
//
//   - each acknowledged message, exactly once and as the acknowledged sequence;
//   - ids of one epoch with rising sequences;
//   - nothing but what was sent. A message that was sent and not acknowledged may come,
//     once, or not.
type Audit struct {
	Ledgers []*Ledger
	// After is the sequence behind which the subscriber began: it must receive what
	// comes later, and nothing else. 0: it must receive everything.
	After uint64
	// InOrder demands that the messages of each ledger come in the order of sending.
	// Publishers that send a message again after others do not have that.
	InOrder bool
	// AllowGaps accepts that a message is missing if a gap event covers it, and came
	// before any later message. Without AllowGaps a gap event is a failure.
	AllowGaps bool
}

// entries returns what the ledgers hold: each message by its data, and those that the
// subscriber must receive, or be told to miss, by their sequence.
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
		return fmt.Errorf("gap event after %d messages, and no message may be missing: %+v", r.Gaps[0].At, r.Gaps[0].Gap)
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
		return fmt.Errorf("lost: %d of %d acknowledged messages did not come, the first is %.100q, acknowledged as %d; %d messages and these gaps came: %+v",
			len(c.lost), expected, c.lost[0].data, c.lost[0].sequence, len(r.Messages), r.Gaps)
	}
	return nil
}

// A check is one run of Check.
type check struct {
	Audit
	Record
	sent   map[string]entry // by data
	due    []entry          // acknowledged and not accounted for yet, by sequence
	lost   []entry
	seen   map[string]sse.ID // by data
	newest map[*Ledger]int   // how far the messages of each ledger came, counted from 1
}

// message checks message i of the record against those before it.
func (c *check) message(i int) error {
	m := c.Messages[i]
	from, sent := c.sent[m.Data]
	before, repeated := c.seen[m.Data]
	switch {
	case !sent:
		return fmt.Errorf("unknown: message %d is %s, which no publisher sent", i, m)
	case repeated:
		return fmt.Errorf("repeated: message %d is %s, which came before as %s", i, m, before)
	case i > 0 && m.ID.Epoch != c.Messages[i-1].ID.Epoch:
		return fmt.Errorf("epoch: message %d is %s, after %s", i, m, c.Messages[i-1])
	case i > 0 && m.ID.Seq <= c.Messages[i-1].ID.Seq:
		return fmt.Errorf("reordered: message %d is %s, after %s", i, m, c.Messages[i-1])
	case m.ID.Seq <= c.After:
		return fmt.Errorf("repeated: message %d is %s, and the subscriber had everything up to %d", i, m, c.After)
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
		c.due = c.due[1:] // all that is due has another sequence, so this is the first
	}
	return nil
}

// passOver accounts for the messages that are due before a sequence, which is that of
// message i: a gap event that came before message i covers them, or they are lost.
func (c *check) passOver(i int, sequence uint64) {
	for len(c.due) > 0 && c.due[0].sequence < sequence {
		if !c.covered(c.due[0].sequence, i) {
			c.lost = append(c.lost, c.due[0])
		}
		c.due = c.due[1:]
	}
}

// covered reports whether a gap event that came before message i covers a sequence.
func (c *check) covered(sequence uint64, i int) bool {
	return slices.ContainsFunc(c.Gaps, func(g Gap) bool {
		asked, _ := sse.ParseID([]byte(g.Asked)) // none: from the beginning
		until, err := sse.ParseID([]byte(g.CompleteAfter))
		return err == nil && g.At <= i && asked.Seq < sequence && sequence <= until.Seq
	})
}

// String describes a message in one line, with the beginning of its data.
func (m Message) String() string {
	return fmt.Sprintf("%s %s %.100q", m.ID, m.Event, m.Data)
}
