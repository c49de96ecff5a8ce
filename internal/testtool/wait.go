package testtool

import (
	"testing"
	"time"
)

// WaitFor waits until condition holds, and fails the test if it does not in good
// time; what says, for people, what was waited for.
func WaitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", Patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
