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
	// logBytesMax bounds what waits for a reader of the log that is slow, or hangs.
	// It is some thousand lines. As much again may be on its way out.
	logBytesMax = 1 << 20
	// logEndTime is how long the end of the process waits for such a reader.
	logEndTime = time.Second
)

// A logWriter stands between the log and standard error, and never blocks: the
// event loop logs, and a log reader that hangs must not hang it. Lines wait for one
// goroutine that writes them out. Those that find no room are dropped, and where
// they are missing a line tells how many they were.
//
// What the Go runtime has to say, of a panic for example, goes past it.
type logWriter struct {
	out  io.Writer
	wake chan struct{} // has room for one: there is something to write
	done chan struct{} // closed once nothing more will be written

	inJSON atomic.Bool // what it says by itself is JSON, as the log is

	mu    sync.Mutex
	queue []byte // whole lines
	lost  int    // lines that belong behind those of queue
	ended bool
	last  string // goes out at the end
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
	case w.lost > 0 || len(w.queue)+len(line) > logBytesMax:
		w.lost++ // also if there is room for this one: the gap is in one place
	default:
		w.queue = append(w.queue, line...)
	}
	select {
	case w.wake <- struct{}{}:
	default: // it will be found with what was there before
	}
	return len(line), nil
}

// end writes what waits and a last line, which may be empty, and takes so long at
// most. What is written afterwards is dropped.
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
		batch, lost := w.queue, w.lost
		w.queue, w.lost = nil, 0
		w.mu.Unlock()
		w.tell(lost + w.write(batch))
	}
	w.write([]byte(w.last)) // end has set it before it closed wake
}

// write returns how many lines could not be written.
func (w *logWriter) write(lines []byte) (lost int) {
	if len(lines) == 0 {
		return 0
	}
	n, err := w.out.Write(lines)
	if err == nil {
		return 0
	}
	return bytes.Count(lines[n:], []byte("\n"))
}

// tell writes how many lines were lost. If that cannot be written either, the next
// one tells it.
func (w *logWriter) tell(lost int) {
	if lost == 0 {
		return
	}
	notice := w.record(slog.LevelWarn, "lines of the log are missing here: it was not read in time, or could not be written", "lines", lost)
	if w.write([]byte(notice)) > 0 {
		w.mu.Lock()
		w.lost += lost
		w.mu.Unlock()
	}
}
