package testtool

import (
	"testing"
	"time"
)

// WaitFor waits until condition returns true, and fails the test if that takes longer than
// Patience. what names the condition in the failure, such as "the daemon to exit".
func WaitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out after %v waiting for %s", Patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
