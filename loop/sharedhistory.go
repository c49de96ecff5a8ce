package loop

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/internal/history"
)

// A sharedHistory holds the newest messages in memory for several loops. The feed adds each message
// before the loops get it, so it may have messages that a loop has yet to deliver. A replay on a
// loop reads the messages up to the loop's own newest message; the stream has the later ones:
//
//	kept:      41 ······················· 97
//	loop 0:    replay up to 97 ──────────► │ stream from 98
//	loop 1:    replay up to 90 ───► │ stream from 91
//
// mu is held while one message is added, and while a loop finds the start of a replay or copies a
// part of at most about replayBytesMax bytes.
type sharedHistory struct {
	bytesMax  int
	began     time.Time
	delivered []deliveredNumber // by the number of the loop

	mu     sync.Mutex
	kept   *history.History
	epoch  string // the epoch of all ids in kept
	newest uint64 // number of the newest message, whether kept has it or not
}

// A deliveredNumber is the number of the newest message that a loop has appended to its streams. It
// fills a cache line, because each loop writes its own number often.
type deliveredNumber struct {
	seq atomic.Uint64
	_   [56]byte
}

// end records that the loop has ended, so that the history does not keep messages for it.
func (d *deliveredNumber) end() { d.seq.Store(math.MaxUint64) }

// newSharedHistory returns the shared form of a window for several loops, or nil if the window
// keeps nothing.
func newSharedHistory(w window, bytesMax, loops int) *sharedHistory {
	if w.kept == nil {
		return nil
	}
	h := &sharedHistory{bytesMax: bytesMax, began: time.Now(), delivered: make([]deliveredNumber, loops), kept: w.kept, epoch: w.epoch}
	h.kept.HoldAll()
	return h
}

// now returns the time for messages, in ticks. It does not depend on any loop's clock.
func (h *sharedHistory) now() uint32 { return uint32(time.Since(h.began) / tick) }

// deliveredByAll returns the number of the newest message that all loops have delivered.
func (h *sharedHistory) deliveredByAll() uint64 {
	seq := uint64(math.MaxUint64)
	for i := range h.delivered {
		seq = min(seq, h.delivered[i].seq.Load())
	}
	return seq
}

// raise records that messages up to a number may be missing.
func (h *sharedHistory) raise(floor uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept.Raise(floor)
}

// skipTo records the number of a message that is not kept.
func (h *sharedHistory) skipTo(seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newest = seq
}

// begin starts an epoch after the number newest, and drops all messages. It reports whether it did:
// it does nothing in the same epoch if the number is not smaller than the present one.
func (h *sharedHistory) begin(epoch string, newest, present uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if epoch == h.epoch && newest >= present {
		return false
	}
	h.kept, h.epoch, h.newest = keepAll(h.bytesMax), epoch, newest
	h.kept.HoldAll()
	h.kept.Raise(newest)
	return true
}
