package testtool

import "testing"

// Long is called first by a test that takes long, and says why it does. Whoever is in
// a hurry (go test -short) goes without it; where the environment variable CI is set
// nobody is.
func Long(t testing.TB, why string) {
	t.Helper()
	if testing.Short() {
		Lack(t, "-short goes without this test: %s", why)
	}
}
