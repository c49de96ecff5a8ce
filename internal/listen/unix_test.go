package listen

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"
)

const patience = 20 * time.Second

// socket opens one unix socket in a new folder.
func socket(t *testing.T, u *UnixListeners) Endpoint {
	t.Helper()
	e := Endpoint{"unix", t.TempDir() + "/s"}
	if err := u.Open(e, 64<<10); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return e
}

func dial(t *testing.T, e Endpoint) net.Conn {
	t.Helper()
	conn, err := net.Dial(e.Network, e.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

var silent = slog.New(slog.DiscardHandler)

// TestUnixListeners verifies that connections are passed on one at a time, and that a connection is
// closed if take returns false.
func TestUnixListeners(t *testing.T) {
	var u UnixListeners
	e := socket(t, &u)
	if info, err := os.Stat(e.Address); err != nil || info.Mode().Perm() != SocketMode {
		t.Errorf("stat: %v, %v; want mode %o", info, err, SocketMode)
	}
	first, second := dial(t, e), dial(t, e)
	taking, took := make(chan net.Conn), make(chan bool)
	u.Start(func(conn *net.UnixConn) bool {
		taking <- conn
		return <-took
	}, silent)

	conn := <-taking
	if conn.LocalAddr().String() != e.Address {
		t.Errorf("the local address is %v, want %s", conn.LocalAddr(), e.Address)
	}
	select {
	case <-taking:
		t.Error("a second connection was accepted before take returned")
	case <-time.After(50 * time.Millisecond):
	}
	took <- true
	go func() { io.WriteString(conn, "x"); conn.Close() }()
	if got, err := io.ReadAll(first); string(got) != "x" || err != nil {
		t.Errorf("the first connection reads %q, %v", got, err)
	}

	<-taking
	took <- false // the server is ending
	if _, err := second.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("reading from a connection that take refused: %v, want EOF", err)
	}
}

// TestUnixClose verifies that Close waits until take has returned for every accepted connection.
func TestUnixClose(t *testing.T) {
	var u UnixListeners
	e := socket(t, &u)
	taking, took := make(chan struct{}), make(chan struct{})
	u.Start(func(conn *net.UnixConn) bool {
		defer conn.Close()
		close(taking)
		<-took
		return true
	}, silent)
	dial(t, e)
	<-taking
	closed := make(chan struct{})
	go func() { u.Close(); close(closed) }()
	select {
	case <-closed:
		t.Error("Close did not wait for the connection")
	case <-time.After(50 * time.Millisecond):
	}
	close(took)
	<-closed
	if _, err := os.Lstat(e.Address); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	u.Start(func(*net.UnixConn) bool { t.Error("accepted after Close"); return false }, silent)
	u.Close()
}

// TestOpenReplacesStaleSocket verifies that Open replaces a socket on which no program listens.
func TestOpenReplacesStaleSocket(t *testing.T) {
	e := Endpoint{"unix", t.TempDir() + "/s"}
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: e.Address, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	var u UnixListeners
	defer u.Close()
	if err := u.Open(e, 64<<10); err != nil {
		t.Fatal(err)
	}
	dial(t, e)
}

// TestOpenFails verifies that Open reports an error in a folder that does not exist.
func TestOpenFails(t *testing.T) {
	var u UnixListeners
	defer u.Close()
	if err := u.Open(Endpoint{"unix", t.TempDir() + "/none/s"}, 64<<10); err == nil {
		t.Error("Open succeeded in a folder that does not exist")
	}
}
