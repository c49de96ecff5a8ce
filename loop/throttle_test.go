package loop

import "testing"

func TestThrottle(t *testing.T) {
	var lines throttle
	written := 0
	for range 1000 {
		if lines.allow(7) {
			written++
		}
	}
	if written != throttleLines || lines.rest() != 1000-throttleLines || lines.rest() != 0 {
		t.Errorf("%d lines of 1000 were written", written)
	}
	if !lines.allow(8) {
		t.Error("the next second has lines of its own")
	}
}
