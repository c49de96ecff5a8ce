package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// logBytesMax limits the size of the log lines that wait for a slow or blocked reader. It is
	// enough for some thousand lines. A write in progress can hold the same amount again.
	logBytesMax = 1 << 20
	// logEndTime is how long the process waits for a slow reader of the log when it exits.
	logEndTime = time.Second
)

// tooSlow is the reason for lines that were lost because the queue was full.
const tooSlow = "the log was not read in time"

// A logWriter passes log lines to standard error and never blocks its callers: the event loop logs,
// and must not wait for the reader of the log. One goroutine writes the queued lines. A line is
// lost if the queue is full or the write fails. When a write succeeds again, a line in the log
// reports how many lines are missing at that place.
//
// A line passes through these states:
//
//	Write ─┬─> queue ──> batch of run ─┬─> written
//	       └─> overflow ──> missing <──┘ (write failed)
//	                          └──> reported by a line in the log
//
// mu guards queue and overflow. run takes both under mu and writes without it, so a blocked write
// does not block Write. The lines in overflow always come after the lines in queue: once a line
// is lost, Write queues no other until run has taken the queue.
//
// The Go runtime writes a panic directly to standard error.
type logWriter struct {
	out  io.Writer
	wake chan struct{} // capacity 1; signals run that there is something to write
	done chan struct{} // closed when run has returned

	inJSON atomic.Bool   // the log is JSON, so the writer's own lines must be JSON too
	total  atomic.Uint64 // all lines lost so far

	mu       sync.Mutex
	queue    []byte // whole lines
	overflow uint64 // lines lost because the queue was full; they come after the lines in queue
	ended    bool
	last     string // written last, by run

	// The following fields belong to the goroutine of run.
	missing uint64 // lost lines that the log does not mention yet
	reason  string // why the latest of them was lost
	cut     bool   // the latest write stopped in the middle of a line
}

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write queues one line. slog's handlers call it once per line. It never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
		return len(line), nil
	case w.overflow > 0 || len(w.queue)+len(line) > logBytesMax:
		w.overflow++ // even if this line would fit, so that the missing lines are in one place
		w.total.Add(1)
	default:
		w.queue = append(w.queue, line...)
	}
	select {
	case w.wake <- struct{}{}:
	default: // run has been signaled already, and will find this line too
	}
	return len(line), nil
}

// lost returns how many lines were lost since the start.
func (w *logWriter) lost() uint64 { return w.total.Load() }

// end writes the queued lines and then last, which may be empty. It returns after atMost even if
// they are not written yet. Lines that are logged later are dropped.
func (w *logWriter) end(last string, atMost time.Duration) {
	w.mu.Lock()
	if !w.ended {
		w.ended, w.last = true, last
		close(w.wake)
	}
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-time.After(atMost):
	}
}

// run writes the queued lines whenever wake signals it. When end has closed wake, it writes the
// remaining lines and last, and returns.
func (w *logWriter) run() {
	defer close(w.done)
	for range w.wake {
		w.mu.Lock()
		batch, overflow := w.queue, w.overflow
		w.queue, w.overflow = nil, 0
		w.mu.Unlock()
		written := w.writeBatch(batch)
		if overflow > 0 {
			w.missing += overflow
			w.reason = tooSlow
			if written {
				w.reportMissing()
			}
		}
	}
	w.reportMissing()
	w.write([]byte(w.last)) // end sets last before it closes wake
}

// writeBatch writes whole lines and counts lines that cannot be written. It reports whether all
// were written. If earlier lines are missing, it first writes a line that reports them. If that
// fails, it does not try the batch, so that a log without a reader costs one failing write per
// batch.
func (w *logWriter) writeBatch(lines []byte) bool {
	written := 0
	if len(lines) > 0 && w.reportMissing() {
		written = w.write(lines)
	}
	failed := uint64(bytes.Count(lines[written:], []byte("\n")))
	w.missing += failed
	w.total.Add(failed)
	return failed == 0
}

// reportMissing writes a line with the number of missing lines, if there are any. It reports
// whether the log now mentions them all.
func (w *logWriter) reportMissing() bool {
	if w.missing == 0 {
		return true
	}
	notice := w.record(slog.LevelWarn, "log lines were lost", "lines", w.missing, "reason", w.reason)
	if w.write([]byte(notice)) < len(notice) {
		return false
	}
	w.missing = 0
	return true
}

// write returns how many bytes of lines were written. If the previous write stopped in the middle
// of a line, this write begins with a line break, so that a cut line and the next one stay
// separate. A line without its line break counts as written.
func (w *logWriter) write(lines []byte) (n int) {
	text, breaks := lines, 0
	if w.cut && len(lines) > 0 {
		text, breaks = append([]byte("\n"), lines...), 1
	}
	n, err := w.out.Write(text)
	if n > 0 {
		w.cut = text[n-1] != '\n'
	}
	if err != nil {
		w.reason = withoutPath(err).Error()
	}
	n = max(n-breaks, 0)
	if w.cut && n > 0 && n < len(lines) && lines[n] == '\n' {
		n++
	}
	return n
}
