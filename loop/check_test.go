package loop

import "testing"

func TestChecks(t *testing.T) {
	checks := map[string]func(text string) error{
		"listen": CheckListen,
		"origin": func(text string) error { return CheckCORSOrigins([]string{"https://a.example", text}) },
		"proxy":  func(text string) error { return CheckTrustedProxies([]string{"10.0.0.0/8", text}) },
	}
	tests := []struct {
		check, text string
		good        bool
	}{
		{"listen", ":8001", true},
		{"listen", "[::1]:0", true},
		{"listen", "unix:///run/ssed/http", true},
		{"listen", "8001", false},
		{"listen", "unix://run/ssed", false},
		{"listen", "http://localhost:8001", false},
		{"origin", "http://localhost:3000", true},
		{"origin", "https://b.example/", false},
		{"origin", "*", false}, // it must stand alone
		{"proxy", "unix", true},
		{"proxy", "::1", true},
		{"proxy", "10.0.0.0/33", false},
		{"proxy", "localhost", false},
	}
	for _, tt := range tests {
		if err := checks[tt.check](tt.text); (err == nil) != tt.good {
			t.Errorf("%s %q: %v", tt.check, tt.text, err)
		}
	}
}
