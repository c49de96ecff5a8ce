package publish

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseEndpoint(t *testing.T) {
	tests := []struct {
		url      string
		want     Endpoint
		loopback bool
		err      string
	}{
		{url: "tcp://127.0.0.1:8002", want: Endpoint{"tcp", "127.0.0.1:8002"}, loopback: true},
		{url: "tcp://127.9.9.9:0", want: Endpoint{"tcp", "127.9.9.9:0"}, loopback: true},
		{url: "tcp://[::1]:8002", want: Endpoint{"tcp", "[::1]:8002"}, loopback: true},
		{url: "tcp://localhost:8002", want: Endpoint{"tcp", "localhost:8002"}, loopback: true},
		{url: "tcp://:8002", want: Endpoint{"tcp", ":8002"}},
		{url: "tcp://0.0.0.0:8002", want: Endpoint{"tcp", "0.0.0.0:8002"}},
		{url: "tcp://example.org:8002", want: Endpoint{"tcp", "example.org:8002"}},
		{url: "tcp://localhost.example.org:8002", want: Endpoint{"tcp", "localhost.example.org:8002"}},
		{url: "unix:///run/ssed.sock", want: Endpoint{"unix", "/run/ssed.sock"}, loopback: true},
		{url: "unix:///a b", want: Endpoint{"unix", "/a b"}, loopback: true},
		{url: "unix:///" + strings.Repeat("x", 106), want: Endpoint{"unix", "/" + strings.Repeat("x", 106)}, loopback: true},

		{url: "", err: "write tcp://host:port or unix:///path"},
		{url: "127.0.0.1:8002", err: "write tcp://host:port or unix:///path"},
		{url: "http://127.0.0.1:8002", err: "the scheme must be tcp or unix"},
		{url: "tcp://127.0.0.1", err: "the port is missing"},
		{url: "tcp://::1:8002", err: "IPv6 address in [brackets]"},
		{url: "tcp://localhost:", err: "a number from 0 to 65535"},
		{url: "tcp://localhost:http", err: "a number from 0 to 65535"},
		{url: "tcp://localhost:65536", err: "a number from 0 to 65535"},
		{url: "tcp://localhost:8002/", err: "a number from 0 to 65535"},
		{url: "tcp://me@localhost:8002", err: "no host name has"},
		{url: "tcp://[fe80::1%eth0]:8002", err: "no host name has"},
		{url: "unix://run/ssed.sock", err: "must be absolute"},
		{url: "unix://@ssed", err: "must be absolute"},
		{url: "unix:///run/", err: "names a folder"},
		{url: "unix:///a?b", err: "may not hold"},
		{url: "unix:///a#b", err: "may not hold"},
		{url: "unix:///a%b", err: "may not hold"},
		{url: "unix:///a://b", err: "may not hold"},
		{url: "unix:///a\nb", err: "may not hold"},
		{url: "unix:///" + strings.Repeat("x", 107), err: "has 108 bytes, and Linux allows 107"},
	}
	for _, tt := range tests {
		got, err := ParseEndpoint(tt.url)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %s", tt.url, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want || got.Loopback() != tt.loopback || got.String() != tt.url {
			t.Errorf("%q: %v (loopback %v), %v", tt.url, got, got.Loopback(), err)
		}
	}
}

func TestCheckSocket(t *testing.T) {
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	listen := func(network, name string) net.Listener {
		ln, err := net.Listen(network, path(name))
		if err != nil {
			t.Fatal(err)
		}
		ln.(*net.UnixListener).SetUnlinkOnClose(false)
		return ln
	}
	listen("unix", "stale").Close()
	defer listen("unix", "live").Close()
	datagrams, err := net.ListenPacket("unixgram", path("datagrams"))
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	for _, err := range []error{
		os.Mkdir(path("folder"), 0o700),
		os.WriteFile(path("file"), nil, 0o600),
		os.Symlink(folder, path("link-to-folder")),
		os.Symlink(path("live"), path("link-to-live")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ path, want string }{
		{"new", ""},
		{"stale", ""},
		{"live", "another program is listening"},
		{"datagrams", "may be in use"},
		{"folder", "it is a folder"},
		{"file", "not a socket"},
		{"link-to-folder", "symbolic link"},
		{"link-to-live", "symbolic link"},
		{"nowhere/s", "does not exist: create it first"},
		{"file/s", "not a directory"},
	}
	for _, tt := range tests {
		e := Endpoint{"unix", path(tt.path)}
		before, _ := os.Lstat(e.Address)
		err := e.Check()
		switch {
		case tt.want == "" && err != nil, tt.want != "" && err == nil:
			t.Errorf("%s: %v", tt.path, err)
		case err != nil && (!strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), e.String())):
			t.Errorf("%s: %v, want %s", tt.path, err, tt.want)
		}
		if after, _ := os.Lstat(e.Address); before != nil && !os.SameFile(before, after) {
			t.Errorf("%s was changed", tt.path)
		}
	}
}

func TestCheckPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	tests := []struct{ address, want string }{
		{"127.0.0.1:0", ""},
		{ln.Addr().String(), "cannot listen on tcp://" + ln.Addr().String() + ": address already in use"},
		{"192.0.2.1:8002", "cannot listen on tcp://192.0.2.1:8002: cannot assign requested address"},
	}
	for _, tt := range tests {
		got := ""
		if err := (Endpoint{"tcp", tt.address}).Check(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.address, got, tt.want)
		}
	}
}
