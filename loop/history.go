package loop

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ssed/ssed/internal/history"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// A HistoryRule says how much is kept of each namespace at and below a prefix.
type HistoryRule struct {
	Prefix   string        // a namespace; "/" is for all that have no other rule
	Messages int           // the newest so many; 0: none
	Age      time.Duration // none that is older; 0: no such limit
}

// sweepNamespaces is how many namespaces are looked through each tick for messages
// that are too old: some 10,000 a second, for less than 1 % of the loop's time.
const sweepNamespaces = 1000

// keepHistory begins a history, if the options want one.
func (l *loop) keepHistory() error {
	if l.store.Store != nil {
		if len(l.opts.History) > 0 {
			return errors.New("loop: History is for a server without a Store, which keeps everything that it has room for")
		}
		l.forgetAll()
		return nil
	}
	rules := slices.Clone(l.opts.History)
	keeps := false
	for i, r := range rules {
		prefix, err := nsindex.Canonical(r.Prefix)
		if err != nil {
			return fmt.Errorf("loop: the history of %q: %w", r.Prefix, err)
		}
		if r.Messages < 0 || r.Age < 0 || r.Age > 0 && r.Age < tick {
			return fmt.Errorf("loop: the history of %s: %d messages and an age of %v cannot be kept", prefix, r.Messages, r.Age)
		}
		rules[i].Prefix = prefix
		keeps = keeps || r.Messages > 0
	}
	if !keeps {
		return nil
	}
	slices.SortStableFunc(rules, func(a, b HistoryRule) int { return cmp.Compare(len(b.Prefix), len(a.Prefix)) })
	l.epoch = sse.NewEpoch(rand.Uint64())
	l.history = history.New(l.opts.HistoryBytesMax, func(ns string) history.Retention {
		for _, r := range rules {
			if nsindex.Within([]byte(ns), r.Prefix) {
				return history.Retention{Messages: r.Messages, Age: ticks(r.Age)}
			}
		}
		return history.Retention{}
	})
	return nil
}

// appendID appends the id line of the message that is being published.
func (l *loop) appendID(dst []byte) []byte {
	return sse.AppendIDLine(dst, sse.ID{Epoch: l.epoch, Seq: l.newest + 1})
}

// idOf is a message's id; empty if nothing is kept, so that there are none.
func (l *loop) idOf(seq uint64) string {
	if l.history == nil {
		return ""
	}
	return sse.ID{Epoch: l.epoch, Seq: seq}.String()
}

// newestID is that of the newest message, if there are ids.
func (l *loop) newestID() string { return l.idOf(l.newest) }

// appendGap appends a gap's event, unless they are switched off.
func (l *loop) appendGap(dst []byte, g sse.Gap) []byte {
	if l.opts.NoGapEvent {
		return dst
	}
	return sse.AppendGap(dst, l.opts.GapEvent, g)
}
