package server

import "testing"

// TestAdminIsOnThisMachine checks which admin URLs are accepted.
func TestAdminIsOnThisMachine(t *testing.T) {
	for admin, want := range map[string]bool{
		"http://127.0.0.1:8001/admin/status.json?limit=0": true,
		"http://127.9.9.9/admin":                          true,
		"http://localhost:8001/admin":                     false, // a name can resolve to any address
		"http://127.0.0.1.example.com/admin":              false,
		"http://192.0.2.1:8001/admin":                     false,
		"http://0.0.0.0:8001/admin":                       false,
		"http://[::1]:8001/admin":                         false,
		"http://[::ffff:127.0.0.1]:8001/admin":            false,
		"http://127.0.0.1@192.0.2.1/admin":                false,
		"http://somebody@127.0.0.1/admin":                 false,
		"https://127.0.0.1:8001/admin":                    false,
		"127.0.0.1:8001/admin":                            false,
		"/admin":                                          false,
		"":                                                false,
	} {
		if err := CheckAdmin(admin); (err == nil) != want {
			t.Errorf("%q: %v, want accepted %v", admin, err, want)
		}
	}
}
