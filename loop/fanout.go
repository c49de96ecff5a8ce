package loop

import (
	"bytes"

	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// fanout takes a message from its namespace to the streams of all matching audiences. It also holds
// the round: the streams that have grown and that pass.go still has to write to sockets.
//
//	namespace ─► match: index ─► matched audiences ─► deliver: append to each stream ─► round
type fanout struct {
	index     nsindex.Index[*audience]
	matched   []*audience // the audiences of the last message
	retained  bool        // the last message has an id and is kept in the window
	matchedNS []byte      // the namespace of the last message; empty: the index has changed since

	pool          stream.Pool // the memory of all streams
	holdingMemory []*audience // audiences whose streams hold memory: see releaseIdle
	round         round
	budget        budget // how much this turn may still write
	frame         []byte // scratch
}

// Publish implements publish.Sink for publishers on the loop. It frames the message and appends it
// to the streams immediately.
func (i directReplier) Publish(namespace, event, data []byte) (uint64, error) {
	l := i.Loop
	if l.stop.Load() != stopNone {
		return 0, publish.ErrStopping
	}
	l.match(namespace)
	frame := l.frame[:0]
	if l.retained {
		frame = l.window.appendID(frame)
	}
	if len(l.matched) > 0 || l.retained {
		l.frame = sse.AppendFrame(frame, event, data)
		l.keepAndDeliver(namespace, l.frame)
	}
	l.published()
	return l.window.newest, nil
}

// published counts a message and gives it the next number. It is called after the message was
// delivered, so until then its number is window.newest+1.
func (l *Loop) published() {
	l.window.newest++
	l.stats.Published++
}

// publishFramed publishes a message from the mailbox of the only loop. The goroutine that put it
// there has framed it.
func (l *Loop) publishFramed(namespace, frame []byte) {
	l.match(namespace)
	if l.retained {
		l.frame = append(l.window.appendID(l.frame[:0]), frame...)
		frame = l.frame
	}
	l.keepAndDeliver(namespace, frame)
	l.published()
}

// deliverRecord publishes a message of the feed, which has numbered, framed and kept it.
func (l *Loop) deliverRecord(r record) {
	l.match(r.namespace)
	if len(l.matched) > 0 {
		l.deliver(r.frame)
	}
	l.window.newest = r.seq
	l.stats.Published++
}

// publishRecord publishes a message from the mailbox.
func (l *Loop) publishRecord(r record) {
	if l.shared.feed != nil {
		l.deliverRecord(r)
		return
	}
	l.publishFramed(r.namespace, r.frame)
}

// keepAndDeliver adds the frame to the history and to every matching stream.
func (l *Loop) keepAndDeliver(namespace, frame []byte) {
	if l.retained {
		l.window.add(namespace, frame, l.wheel.now)
	}
	if len(l.matched) > 0 {
		l.deliver(frame)
	}
}

// match sets l.matched and l.retained for a namespace. Publishers often send many messages to one
// namespace in a row, so the last result is reused until the index changes.
func (l *Loop) match(namespace []byte) {
	if !bytes.Equal(namespace, l.matchedNS) {
		l.matchIndex(namespace)
	}
}

// matchIndex looks up a namespace in the index and in the window.
func (l *Loop) matchIndex(namespace []byte) {
	l.retained = l.window.shared == nil && l.window.keeps(namespace)
	l.matched = l.index.AppendMatches(l.matched[:0], namespace)
	l.matchedNS = append(l.matchedNS[:0], namespace...)
}

// indexChanged makes match look up the index again. It replaces the slice instead of emptying it,
// because deliver may be iterating over the old one.
func (f *fanout) indexChanged() {
	f.matched, f.matchedNS = nil, f.matchedNS[:0]
}

// deliverToAll delivers a gap event to every subscriber. It bypasses match, and resets its result.
func (l *Loop) deliverToAll(g sse.Gap) {
	frame := l.opts.appendGap(nil, g)
	if len(frame) == 0 {
		return
	}
	l.matched = l.index.AppendAll(nil)
	l.deliver(frame)
	l.stats.Gaps += uint64(l.stats.Subscribers)
	l.indexChanged()
}

// deliver appends one frame to the stream of each audience in l.matched. Each stream gets its own
// copy. If all copies of a long message for many sets would exceed the memory limit, evict delivers
// the first copies before deliver appends the next ones. evict may close subscribers and so change
// the index, but not the slice that deliver iterates over.
func (l *Loop) deliver(frame []byte) {
	matched := l.matched
	for _, a := range matched {
		if cost := a.stream.Cost(len(frame)); cost > 0 && l.mustEvict(cost) {
			l.evict(cost + l.opts.BacklogTotalBytesMax/evictPart)
		}
		if len(a.subscribers) == 0 {
			continue // evict has closed the last subscriber
		}
		a.stream.Append(frame)
		l.stats.Deliveries += uint64(len(a.subscribers))
		a.active = true
		if !a.inRound || a.unvisited < len(a.subscribers) {
			l.round.add(a)
			l.trackMemory(a)
		}
	}
	l.round.bytes += len(frame) * len(matched)
}

// audienceOf returns the audience of a set, and creates it if necessary.
func (l *Loop) audienceOf(set nsindex.Set) *audience {
	a, ok := l.index.Find(set)
	if !ok {
		a = &audience{set: set, stream: stream.New(&l.pool), number: l.shared.numbers.nextAudience()}
		l.index.Attach(set, a)
		l.indexChanged()
	}
	return a
}

// trackMemory notes that the stream of a holds memory. A busy stream keeps its memory from pass to
// pass; releaseIdle takes it from streams that have become idle.
func (f *fanout) trackMemory(a *audience) {
	a.active = true
	if !a.holdsMemory {
		a.holdsMemory = true
		f.holdingMemory = append(f.holdingMemory, a)
	}
}

// releaseIdle runs once a tick. It releases the memory of every stream to which nothing was
// appended since its last run, unless a subscriber still has to read from it.
func (f *fanout) releaseIdle() {
	kept := f.holdingMemory[:0]
	for _, a := range f.holdingMemory {
		if a.active || a.lagging > 0 || a.inRound {
			a.active = false
			kept = append(kept, a)
			continue
		}
		a.stream.Release()
		a.holdsMemory = false
	}
	clear(f.holdingMemory[len(kept):])
	f.holdingMemory = kept
}
