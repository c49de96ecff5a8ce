package listen

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
