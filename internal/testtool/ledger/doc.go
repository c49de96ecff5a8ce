// Package ledger verifies that no message is lost, repeated or reordered between real publishers
// and real subscribers.
//
// A Publisher numbers its messages. It records in a Ledger which messages were acknowledged, with
// their sequences. A Subscriber records everything that its stream delivers. An Audit compares the
// records with the ledgers, message by message. A Counter checks a raw stream whose messages have
// no ids.
//
// It is for tests only. Its invariant is that each message that was answered OK is in the Ledger of
// its Publisher, and that an Audit accounts for each of them.
package ledger
