package ledger

import "sync"

// A Ledger records the messages of one publisher: the data of each sent message, in the order of
// sending, and the sequence of each acknowledged message. The data of a message is unique within a
// test. A Ledger is safe for use by several goroutines.
type Ledger struct {
	Event string // of all messages; empty: no event name, which a stream delivers as "message"

	mu      sync.Mutex
	entries map[string]entry // by data
	acked   int
}

// An entry is a sent message.
type entry struct {
	ledger   *Ledger
	data     string
	order    int    // its position in the order of sending, from 0
	sequence uint64 // 0 until it is acknowledged
}

// Send records that a message is sent. A repetition changes nothing.
func (l *Ledger) Send(data string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries == nil {
		l.entries = map[string]entry{}
	}
	if _, sent := l.entries[data]; !sent {
		l.entries[data] = entry{ledger: l, data: data, order: len(l.entries)}
	}
}

// Ack records that a message was sent, and acknowledged with a sequence.
func (l *Ledger) Ack(data string, sequence uint64) {
	l.Send(data)
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[data]
	if e.sequence == 0 {
		l.acked++
	}
	e.sequence = sequence
	l.entries[data] = e
}

// Counts returns how many messages were sent, and how many of them were acknowledged.
func (l *Ledger) Counts() (sent, acked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries), l.acked
}

// event returns the event name with which a stream delivers the messages.
func (l *Ledger) event() string {
	if l.Event == "" {
		return "message"
	}
	return l.Event
}
