package throttle

// Lines is how many lines of one kind are logged in each second.
const Lines = 10

// A Throttle decides for one kind of log line which are written. The zero value is ready
// to use. It has no lock.
type Throttle struct {
	second     uint32
	lines      int
	suppressed int
}

// Allow reports whether one more line may be written in a second, which the caller
// counts from any moment. If not, it counts the line as suppressed.
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
