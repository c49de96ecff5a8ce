package store

import (
	"strings"
	"testing"
)

// TestServersWithoutSecrets: no error and no name has what stands in a URL beside the
// host, however it is written.
func TestServersWithoutSecrets(t *testing.T) {
	for _, tt := range []struct{ url, says, name string }{
		{"nats://h:4222", "", "nats://h:4222"},
		{"nats://ssed:hush@h:4222", "", "nats://h:4222"},
		{"tls://hush@h", "", "tls://h"},
		{"nats://h:4222/hush?hush#hush", "", "nats://h:4222"},
		{"http://hush@h:1", "http://h:1 is no NATS server's URL", "http://h:1"},
		{"hush@h:1", "cannot be read", "(a URL that cannot be read)"},
		{"hush@h", "names no host", "://"},
		{"nats:hush@h", "names no host", "nats://"},
		{"nats://hush@", "names no host", "nats://"},
		{"nats://u:hush%ZZ@h", "cannot be read", "(a URL that cannot be read)"},
		{"", "names no host", "://"},
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
