package store

import (
	"strings"
	"testing"
)

// TestServersWithoutSecrets verifies that errors and names contain only the scheme and the host of
// a URL, even if the URL is malformed.
func TestServersWithoutSecrets(t *testing.T) {
	for _, tt := range []struct{ url, says, name string }{
		{"nats://h:4222", "", "nats://h:4222"},
		{"nats://ssed:hush@h:4222", "", "nats://h:4222"},
		{"tls://hush@h", "", "tls://h"},
		{"nats://h:4222/hush?hush#hush", "", "nats://h:4222"},
		{"http://hush@h:1", "invalid NATS server URL http://h:1", "http://h:1"},
		{"hush@h:1", "cannot be parsed", "(invalid URL)"},
		{"hush@h", "has no host", "://"},
		{"nats:hush@h", "has no host", "nats://"},
		{"nats://hush@", "has no host", "nats://"},
		{"nats://u:hush%ZZ@h", "cannot be parsed", "(invalid URL)"},
		{"", "has no host", "://"},
	} {
		s := Servers{URLs: []string{tt.url}}
		said := ""
		if err := (Options{Servers: s}).Validate(); err != nil {
			said = err.Error()
		}
		if (said == "") != (tt.says == "") || !strings.Contains(said, tt.says) || strings.Contains(said, "hush") {
			t.Errorf("%q: the error is %q, want %q", tt.url, said, tt.says)
		}
		if name := s.names(); name != tt.name {
			t.Errorf("%q is named %q, want %q", tt.url, name, tt.name)
		}
	}
}
