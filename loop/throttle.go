package loop

// throttleLines is how many lines of one kind the log gets each second.
const throttleLines = 10

// A throttle keeps a crowd from filling the log: the first few of a second have a
// line of their own, the rest are counted.
type throttle struct {
	second uint32
	lines  int
	held   int
}

// allow tells whether one more line may be written now.
func (t *throttle) allow(second uint32) bool {
	if t.second != second {
		t.second, t.lines = second, 0
	}
	if t.lines++; t.lines > throttleLines {
		t.held++
		return false
	}
	return true
}

// rest returns how many lines were held back since it was asked last.
func (t *throttle) rest() (n int) {
	n, t.held = t.held, 0
	return n
}
