package evioserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/internal/testtool/conformance"
	"github.com/ssed/ssed/publish"
)

const patience = 30 * time.Second

// recorder is a Sink that records its messages.
type recorder struct {
	mu       sync.Mutex
	messages []conformance.Message
}

func (r *recorder) Publish(namespace, event, data []byte) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, conformance.Message{Namespace: string(namespace), Event: string(event), Data: string(data)})
	return uint64(len(r.messages)), nil
}

func (r *recorder) Messages() []conformance.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages[:len(r.messages):len(r.messages)]
}

// start serves until the test ends.
func start(t *testing.T, opts Options) *Server {
	t.Helper()
	s := New(opts)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	select {
	case <-s.Ready():
	case err := <-served:
		t.Fatalf("Serve: %v", err)
	case <-time.After(patience):
		t.Fatal("the server is not ready")
	}
	t.Cleanup(func() {
		shutdown(t, s)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func shutdown(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func tcp() string { return "tcp://127.0.0.1:0" }

func unix(t *testing.T) listen.Endpoint {
	return listen.Endpoint{Network: "unix", Address: filepath.Join(t.TempDir(), "s")}
}

func dial(t testing.TB, addr net.Addr) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout(addr.Network(), addr.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// ask sends a line and returns the next reply.
func ask(t testing.TB, conn net.Conn, line string) string {
	t.Helper()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		t.Fatal(err)
	}
	reply, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(reply, "\n")
}

// eventually waits until a condition is true, and fails the test if this takes too long.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for this: %s", what)
		}
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	endpoints := map[string]func(*testing.T) string{
		"tcp":  func(*testing.T) string { return tcp() },
		"unix": func(t *testing.T) string { return unix(t).String() },
	}
	for network, endpoint := range endpoints {
		t.Run(network, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T, cfg publish.Config) conformance.Server {
				sink := &recorder{}
				s := start(t, Options{Listen: []string{endpoint(t)}, Sink: sink, Session: cfg})
				return conformance.Server{
					Dial:     func(t testing.TB) net.Conn { return dial(t, s.Addrs()[0]) },
					Messages: sink.Messages,
				}
			})
		})
	}
}

func TestTwoEndpoints(t *testing.T) {
	s := start(t, Options{Listen: []string{tcp(), unix(t).String()}, Sink: &recorder{}})
	for i, want := range []string{"OK 1", "OK 2"} {
		if got := ask(t, dial(t, s.Addrs()[i]), "PUB / - x"); got != want {
			t.Errorf("%s answers %q, want %q", s.Addrs()[i], got, want)
		}
	}
}

func TestClient(t *testing.T) {
	s := start(t, Options{Listen: []string{unix(t).String()}, Sink: &recorder{}})
	client, err := publish.Dial(t.Context(), "unix://"+s.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSocketMode(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	e := unix(t)
	start(t, Options{Listen: []string{e.String()}, Sink: &recorder{}})
	info, err := os.Stat(e.Address)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket's mode is %v, %v", info.Mode(), err)
	}
	if now := syscall.Umask(0); now != 0 {
		t.Errorf("the umask is left at %#o", now)
	}
}

func TestPublishersMax(t *testing.T) {
	s := start(t, Options{Listen: []string{tcp()}, Sink: &recorder{}, PublishersMax: 1})
	first := dial(t, s.Addrs()[0])
	ask(t, first, "PING")
	for range 3 {
		said, err := io.ReadAll(dial(t, s.Addrs()[0]))
		if want := "ERR busy too many publishers are connected, try again later\n"; err != nil || string(said) != want {
			t.Errorf("the second publisher got %q, %v, want %q", said, err, want)
		}
	}
	first.Close()
	eventually(t, "a place becomes free", func() bool {
		conn := dial(t, s.Addrs()[0])
		defer conn.Close()
		return ask(t, conn, "PING") == "PONG"
	})
}

// TestRefusals puts other files at the path of the socket, and checks that Serve refuses to start
// and keeps them. evio would remove them.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name string
		put  func(t *testing.T, path string)
		want string
	}{
		{"folder", func(t *testing.T, path string) { must(t, os.MkdirAll(filepath.Join(path, "inside"), 0o700)) }, "folder"},
		{"file", func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("precious"), 0o600)) }, "not a socket"},
		{"link", func(t *testing.T, path string) { must(t, os.Symlink(t.TempDir(), path)) }, "symbolic link"},
		{"live socket", func(t *testing.T, path string) {
			ln, err := net.Listen("unix", path)
			must(t, err)
			t.Cleanup(func() { ln.Close() })
		}, "another program is listening"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := unix(t)
			tt.put(t, e.Address)
			before, err := os.Lstat(e.Address)
			must(t, err)
			err = New(Options{Listen: []string{e.String()}, Sink: &recorder{}}).Serve()
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), e.String()) {
				t.Errorf("Serve: %v", err)
			}
			after, err := os.Lstat(e.Address)
			if err != nil || !os.SameFile(before, after) || before.ModTime() != after.ModTime() {
				t.Errorf("the file has changed: %v, %v", after, err)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPortInUse(t *testing.T) {
	s := start(t, Options{Listen: []string{tcp()}, Sink: &recorder{}})
	taken := listen.Endpoint{Network: "tcp", Address: s.Addrs()[0].String()}
	err := New(Options{Listen: []string{taken.String()}, Sink: &recorder{}}).Serve()
	if want := "cannot listen on " + taken.String() + ": address already in use"; fmt.Sprint(err) != want {
		t.Errorf("Serve: %v, want %s", err, want)
	}
}

func TestBadAddress(t *testing.T) {
	for want, listen := range map[string][]string{
		"no endpoint":               {},
		`invalid URL "127.0.0.1:0"`: {tcp(), "127.0.0.1:0"},
	} {
		if err := New(Options{Listen: listen, Sink: &recorder{}}).Serve(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Serve: %v, want %s", err, want)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for field, opts := range map[string]Options{
		"PublishersMax": {Listen: []string{tcp()}, Sink: &recorder{}, PublishersMax: -1},
		"ReplyTimeout":  {Listen: []string{tcp()}, Sink: &recorder{}, ReplyTimeout: -time.Second},
	} {
		if err := New(opts).Serve(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is negative, and Serve returns %v", field, err)
		}
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	e := unix(t)
	ln, err := net.Listen("unix", e.Address)
	must(t, err)
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
	s := start(t, Options{Listen: []string{e.String()}, Sink: &recorder{}})
	ask(t, dial(t, s.Addrs()[0]), "PING")
}

// TestReopen breaks evio's listener, so that accept fails and evio stops. It checks that the server
// listens again on all addresses.
func TestReopen(t *testing.T) {
	sink := &recorder{}
	s := start(t, Options{Listen: []string{tcp(), unix(t).String()}, Sink: sink})
	addrs := s.Addrs()
	conn := dial(t, addrs[0])
	ask(t, conn, "PUB / - before")
	breakListener(t, addrs[0])
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the old connection ended with %v", err)
	}
	for _, addr := range addrs {
		eventually(t, "it listens again on "+addr.String(), func() bool {
			conn, err := net.Dial(addr.Network(), addr.String())
			if err != nil {
				return false
			}
			defer conn.Close()
			fmt.Fprint(conn, "PUB / - after\n")
			reply, _ := bufio.NewReader(conn).ReadString('\n')
			return strings.HasPrefix(reply, "OK ")
		})
	}
}

// breakListener shuts down this process's listening socket for addr.
func breakListener(t *testing.T, addr net.Addr) {
	t.Helper()
	for fd := range 1024 {
		listening, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if err != nil || listening == 0 {
			continue
		}
		name, err := syscall.Getsockname(fd)
		if in4, ok := name.(*syscall.SockaddrInet4); err == nil && ok && in4.Port == addr.(*net.TCPAddr).Port {
			must(t, syscall.Shutdown(fd, syscall.SHUT_RD))
			return
		}
	}
	t.Fatalf("no listener at %s", addr)
}

// TestUnreadReplies sends commands without reading the replies. It checks that the server closes
// this publisher and continues to serve another one.
func TestUnreadReplies(t *testing.T) {
	s := start(t, Options{Listen: []string{tcp(), unix(t).String()}, Sink: &recorder{}, ReplyTimeout: 100 * time.Millisecond})
	patient := dial(t, s.Addrs()[0])
	for _, addr := range s.Addrs() {
		t.Run(addr.Network(), func(t *testing.T) {
			conn := dial(t, addr)
			pings := []byte(strings.Repeat("PING\n", 10_000))
			var err error
			for err == nil {
				_, err = conn.Write(pings)
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("a publisher that never reads stays connected")
			}
			if got := ask(t, patient, "PING"); got != "PONG" {
				t.Errorf("the other publisher got %q", got)
			}
		})
	}
}
