package throttle

// Lines is how many lines of one kind are logged in each second.
const Lines = 10

// A Throttle decides which log lines of one kind are written. The zero value is ready to use. It is
// not safe for concurrent use.
type Throttle struct {
	second     uint32
	lines      int
	suppressed int
}

// Allow reports whether one more line may be written. second is the current time in seconds since
// any fixed moment. If Allow returns false, the line is counted as suppressed.
func (t *Throttle) Allow(second uint32) bool {
	if t.second != second {
		t.second, t.lines = second, 0
	}
	if t.lines++; t.lines > Lines {
		t.suppressed++
		return false
	}
	return true
}

// TakeSuppressed returns how many lines were suppressed since its last call.
func (t *Throttle) TakeSuppressed() (n int) {
	n, t.suppressed = t.suppressed, 0
	return n
}
