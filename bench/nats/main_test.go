package main

import "testing"

// TestOptions checks valid and invalid command lines.
func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		routes int // -1 for an error
	}{
		{"alone", []string{"-listen", "127.0.0.1:4222", "-cluster", "127.0.0.1:6222"}, 0},
		{"one of three", []string{"-listen", "127.0.0.1:4222", "-cluster", "127.0.0.1:6222", "-routes", "127.0.0.1:6222,127.0.0.1:6223,127.0.0.1:6224"}, 3},
		{"no address", nil, -1},
		{"a public address", []string{"-listen", "0.0.0.0:4222"}, -1},
		{"a name", []string{"-listen", "localhost:4222"}, -1},
		{"no port", []string{"-listen", "127.0.0.1"}, -1},
		{"routes to other machines", []string{"-listen", "127.0.0.1:4222", "-cluster", "127.0.0.1:6222", "-routes", "192.0.2.1:6222"}, -1},
		{"a public cluster address", []string{"-listen", "127.0.0.1:4222", "-cluster", ":6222", "-routes", "127.0.0.1:6222"}, -1},
		{"no such flag", []string{"-port", "4222"}, -1},
	} {
		opts, err := options(append([]string{"-name", "a", "-store", t.TempDir()}, tt.args...))
		switch {
		case tt.routes < 0 && err == nil:
			t.Errorf("%s: accepted", tt.name)
		case tt.routes >= 0 && (err != nil || len(opts.Routes) != tt.routes || opts.ServerName != "a" || opts.Port != 4222):
			t.Errorf("%s: %+v, %v", tt.name, opts, err)
		}
	}
}
