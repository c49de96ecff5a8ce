package backoff

import (
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	for _, tt := range []struct {
		first    time.Duration
		failures int
		from     time.Duration // to half as much again
	}{
		{0, 0, Min},
		{-1, 3, 8 * Min},
		{Default, 0, Default},
		{3 * time.Second, 0, 3 * time.Second},
		{3 * time.Second, 2, 12 * time.Second},
		{3 * time.Second, 3, DoubledMax},
		{3 * time.Second, 1 << 30, DoubledMax},
		{time.Minute, 5, time.Minute},
		{1 << 62, 9, Max},
	} {
		seen := map[time.Duration]bool{}
		for range 100 {
			wait := Wait(tt.first, tt.failures)
			if wait < tt.from || wait >= tt.from*3/2 {
				t.Fatalf("%v after %d failures: %v", tt.first, tt.failures, wait)
			}
			seen[wait] = true
		}
		if len(seen) < 50 {
			t.Errorf("%v after %d failures: only %d different times of 100", tt.first, tt.failures, len(seen))
		}
	}
}
