package throttle

import "testing"

func TestThrottle(t *testing.T) {
	var lines Throttle
	written := 0
	for range 1000 {
		if lines.Allow(7) {
			written++
		}
	}
	if written != Lines || lines.TakeSuppressed() != 1000-Lines || lines.TakeSuppressed() != 0 {
		t.Errorf("%d lines of 1000 were written", written)
	}
	if !lines.Allow(8) {
		t.Error("the next second has lines of its own")
	}
}
