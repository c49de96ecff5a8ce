package ledger

import "sync"

// A Ledger holds what one publisher knows of its messages: the data of each that it sent,
// in the order of sending, and the sequence of each that was acknowledged. The data of a
// message is unique within a test. A Ledger is safe for use by several goroutines.
type Ledger struct {
	Event string // of all messages; empty: none, which a stream delivers as "message"

	mu      sync.Mutex
	entries map[string]entry // by data
	acked   int
}

// An entry is one message that was sent.
type entry struct {
	ledger   *Ledger
	data     string
	order    int    // its place in the order of sending, from 0
	sequence uint64 // 0 until it is acknowledged
}

// Send notes that a message is sent. To send it again changes nothing.
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

// Ack notes that a message was acknowledged as a sequence, and that it was sent.
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

// Counts returns how many messages were sent, and how many of these acknowledged.
func (l *Ledger) Counts() (sent, acked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries), l.acked
}

// event is the name that a stream gives the messages.
func (l *Ledger) event() string {
	if l.Event == "" {
		return "message"
	}
	return l.Event
}
