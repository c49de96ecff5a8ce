// Package ledger proves that no message is lost, repeated or reordered between real
// publishers and real subscribers.
//
// A Publisher numbers its messages and notes in a Ledger which of them were acknowledged,
// and as which sequence. A Subscriber notes everything that its stream delivers. An Audit
// compares the two, message by message. A Counter does the same for a raw stream whose
// messages carry no ids.
//
// It is for tests only. The one invariant: a message that a Publisher was told OK for is
// in its Ledger, and an Audit accounts for each of those.
package ledger
