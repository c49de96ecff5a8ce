package hub_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
)

// TestListenErrors verifies that Serve reports an address that cannot be used, and that it does not
// remove files, folders or sockets of other servers.
func TestListenErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(full, "inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	live, err := net.Listen("unix", filepath.Join(dir, "live"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	for _, tt := range []struct{ name, address, words string }{
		{"a port in use", taken.Addr().String(), "in use"},
		{"an address of another machine", "192.0.2.1:8001", "cannot assign requested address"},
		{"a folder", "unix://" + full, "it is a folder"},
		{"a file", "unix://" + file, ""},
		{"a live socket", "unix://" + live.Addr().String(), ""},
		{"no parent folder", "unix://" + dir + "/none/socket", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ssed.New(ssed.Options{Listen: []string{tt.address}})
			if err != nil {
				t.Fatal(err)
			}
			err = s.Serve()
			if err == nil || !strings.Contains(err.Error(), tt.words) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Serve: %v; want one line with %q", err, tt.words)
			}
			t.Log(err)
		})
	}
	if got, _ := os.ReadFile(file); string(got) != "precious" {
		t.Error("the file is gone")
	}
	if _, err := os.Stat(filepath.Join(full, "inside")); err != nil {
		t.Error("the folder is gone:", err)
	}
	if c, err := net.Dial("unix", live.Addr().String()); err != nil {
		t.Error("the live socket is gone:", err)
	} else {
		c.Close()
	}
}

// TestUnixSockets verifies that unix sockets serve next to TCP ports, that they get the mode 0660,
// and that a stale socket is replaced.
func TestUnixSockets(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "publish")
	old, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	old.Close() // a daemon that was killed leaves this behind
	s := serve(t, ssed.Options{
		Listen:  []string{"unix://" + dir + "/subscribe", "127.0.0.1:0"},
		Publish: []string{"unix://" + stale, anyPort},
	})
	for _, path := range []string{stale, dir + "/subscribe"} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
			t.Errorf("%s: mode %v, %v; want 0660", path, info.Mode(), err)
		}
	}
	r := subscribe(t, s, "/subscribe/pets")
	for _, addr := range s.PublishAddrs() {
		p := dial(t, addr)
		io.WriteString(p, "PUB /pets - "+addr.Network()+"\n")
		expect(t, p, "OK ")
		expect(t, r, "data:"+addr.Network()+"\n\n")
	}
}

// TestUnixOnly verifies that a server without TCP ports works, and that it removes its sockets.
func TestUnixOnly(t *testing.T) {
	dir := t.TempDir()
	t.Run("serving", func(t *testing.T) {
		t.Setenv("TMPDIR", dir)
		s := serve(t, ssed.Options{
			Listen:  []string{"unix://" + dir + "/subscribe"},
			Publish: []string{"unix://" + dir + "/publish"},
		})
		r := subscribe(t, s, "/subscribe/n")
		p := dial(t, s.PublishAddrs()[0])
		io.WriteString(p, "PUB /n - x\n")
		expect(t, p, "OK 1\n")
		expect(t, r, "data:x\n\n")
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("files that the server did not remove: %v, %v", left, err)
	}
}

// TestAddressUsedTwice verifies that one address cannot be listened on twice, in any notation, by
// one server or by two.
func TestAddressUsedTwice(t *testing.T) {
	path := "unix://" + t.TempDir() + "/s"
	one := serve(t, ssed.Options{})
	taken := one.ListenAddrs()[0].(*net.TCPAddr)
	_, port, err := net.SplitHostPort(testtool.FreePort(t))
	if err != nil {
		t.Fatal(err)
	}
	at := func(host string) string { return host + ":" + port }
	for _, listen := range [][]string{
		{path, path},
		{taken.String()},
		{fmt.Sprintf(":%d", taken.Port)},
		{at("127.0.0.1"), at("127.0.0.1")},
		{at("127.0.0.1"), at("0.0.0.0")},
		{at(""), at("127.0.0.1")},
		{at(""), at("[::]")},
	} {
		s, err := ssed.New(ssed.Options{Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(); err == nil {
			t.Errorf("Serve accepted the addresses %q", listen)
		}
	}
}
