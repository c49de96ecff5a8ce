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
	// logBytesMax limits the log lines that wait for a slow or blocked reader. It is some
	// thousand lines. Up to as many bytes again can be in the write that is under way.
	logBytesMax = 1 << 20
	// logEndTime is how long the end of the process waits for such a reader.
	logEndTime = time.Second
)

// tooSlow is the reason for lines that were lost because the queue was full.
const tooSlow = "the log was not read in time"

// A logWriter passes log lines to standard error and never blocks its callers: the
// event loop logs, and must not wait for the reader of the log. One goroutine writes the
// queued lines. A line that finds no room, or cannot be written, is counted as lost. As
// soon as a write succeeds again, a line in the log says how many are missing at that
// place.
//
// The Go runtime writes a panic directly to standard error.
type logWriter struct {
	out  io.Writer
	wake chan struct{} // has room for one: there is something to write
	done chan struct{} // closed once nothing more will be written

	inJSON atomic.Bool   // the format of the writer's own lines is JSON, like the log's
	total  atomic.Uint64 // all lines lost so far

	mu       sync.Mutex
	queue    []byte // whole lines
	overflow uint64 // lines that found no room after those in queue
	ended    bool
	last     string // written at the end

	// These belong to the goroutine of run.
	missing uint64 // lost lines that the log does not mention yet
	reason  string // why the latest of them was lost
	cut     bool   // the latest write ended in the middle of a line
}

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes one line, as slog's handlers write them. It never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
		return len(line), nil
	case w.overflow > 0 || len(w.queue)+len(line) > logBytesMax:
		w.overflow++ // also if this line would fit: the gap stays in one place
		w.total.Add(1)
	default:
		w.queue = append(w.queue, line...)
	}
	select {
	case w.wake <- struct{}{}:
	default: // run is already due, and will find this line too
	}
	return len(line), nil
}

// lost returns how many lines were lost since the start.
func (w *logWriter) lost() uint64 { return w.total.Load() }

// end writes the queued lines and then last, which may be empty. It returns after atMost
// even if they are not written yet. Lines that are logged later are dropped.
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
				w.tell()
			}
		}
	}
	w.tell()
	w.write([]byte(w.last)) // end sets it before it closes wake
}

// writeBatch writes whole lines, and counts those that cannot be written. It reports
// whether all of them were. If earlier lines are missing it says so first, and does not
// try the batch while that fails: a log without a reader costs one failing write per batch.
func (w *logWriter) writeBatch(lines []byte) bool {
	written := 0
	if len(lines) > 0 && w.tell() {
		written = w.write(lines)
	}
	failed := uint64(bytes.Count(lines[written:], []byte("\n")))
	w.missing += failed
	w.total.Add(failed)
	return failed == 0
}

// tell writes how many lines are missing, if any are. It reports whether the log now
// mentions them all.
func (w *logWriter) tell() bool {
	if w.missing == 0 {
		return true
	}
	notice := w.record(slog.LevelWarn, "log lines were lost", "lines", w.missing, "because", w.reason)
	if w.write([]byte(notice)) < len(notice) {
		return false
	}
	w.missing = 0
	return true
}

// write returns how many bytes of lines were written. After a write that ended within a
// line, the next one begins with the line break, so that a line that was cut never runs
// into the next. A line of which only the line break is missing counts as written.
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
