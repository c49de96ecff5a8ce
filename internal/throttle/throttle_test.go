package throttle

import "testing"

// TestThrottle verifies that the first lines of a second are allowed, and that the rest are
// counted.
func TestThrottle(t *testing.T) {
	var lines Throttle
	written := 0
	for range 1000 {
		if lines.Allow(7) {
			written++
		}
	}
	if written != Lines || lines.TakeSuppressed() != 1000-Lines || lines.TakeSuppressed() != 0 {
		t.Errorf("%d of 1000 lines were allowed, or the suppressed lines were miscounted", written)
	}
	if !lines.Allow(8) {
		t.Error("no line is allowed in the next second")
	}
}
