package listen

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestClaims verifies that free addresses can be taken, that an address cannot be taken twice, and
// that Release frees all of them.
func TestClaims(t *testing.T) {
	_, port, err := net.SplitHostPort(testtool.FreePort(t))
	if err != nil {
		t.Fatal(err)
	}
	at := func(host string) string { return fmt.Sprintf("tcp://%s:%s", host, port) }
	anyPort := "tcp://127.0.0.1:0"
	unix := "unix://" + t.TempDir() + "/s:1" // the path looks like a host and a port
	tests := []struct {
		name  string
		urls  []string
		fails string // a part of the last address's error; empty: no error
	}{
		{"one port", []string{at("127.0.0.1")}, ""},
		{"any port, twice", []string{anyPort, anyPort}, ""},
		{"a unix socket", []string{unix, anyPort}, ""},
		{"one port twice", []string{at("127.0.0.1"), at("127.0.0.1")}, "address already in use"},
		{"one port in two forms", []string{at("127.0.0.1"), at("0.0.0.0")}, "address already in use"},
		{"one port for both families", []string{at(""), at("[::]")}, "address already in use"},
		{"another machine's address", []string{anyPort, at("192.0.2.1")}, "cannot assign requested address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			endpoints, err := ParseEndpoints(tt.urls)
			if err != nil {
				t.Fatal(err)
			}
			var claims Claims
			defer claims.Release()
			for i, e := range endpoints {
				resolved, addr, err := claims.Take(e)
				if i == len(endpoints)-1 && tt.fails != "" {
					if err == nil || !strings.Contains(err.Error(), tt.fails) {
						t.Errorf("%v: %v, want %s", e, err, tt.fails)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if addr.Network() != e.Network || addr.String() != resolved.Address || strings.HasSuffix(resolved.Address, ":0") {
					t.Errorf("%v became %v and %v", e, resolved, addr)
				}
			}
			claims.Release()
			claims.Release()
			var again Claims
			defer again.Release()
			for _, e := range endpoints {
				if _, _, err := again.Take(e); err != nil {
					t.Errorf("%v is not free after Release: %v", e, err)
				}
			}
		})
	}
}

// TestUnbind verifies that a socket with SO_REUSEADDR, as package net and event libraries create
// it, can listen after Unbind, and that no other socket can take the port before.
func TestUnbind(t *testing.T) {
	var claims Claims
	defer claims.Release()
	e, _, err := claims.Take(Endpoint{"tcp", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Check(); err == nil {
		t.Errorf("%v is free before Unbind", e)
	}
	claims.Unbind()
	listener, err := net.Listen("tcp", e.Address)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}

// TestStartLock verifies that a server waits while another server is starting on its port.
func TestStartLock(t *testing.T) {
	var first, second Claims
	e := Endpoint{"tcp", testtool.FreePort(t)}
	if _, _, err := first.Take(e); err != nil { // with its number, because port 0 needs no lock
		t.Fatal(err)
	}
	first.Unbind()
	taken := make(chan error, 1)
	go func() {
		_, _, err := second.Take(e)
		taken <- err
	}()
	select {
	case err := <-taken:
		t.Fatalf("the second server did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	first.Release()
	if err := <-taken; err != nil {
		t.Error(err)
	}
	second.Release()
}
