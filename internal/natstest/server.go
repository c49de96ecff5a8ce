package natstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// configVariable is an environment variable with the path of a configuration file. If it is set, a
// test's binary runs as a NATS server with that configuration.
const configVariable = "SSED_TEST_NATS_CONFIG"

func init() {
	if file := os.Getenv(configVariable); file != "" {
		if err := serve(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// serve runs a NATS server until SIGTERM, or returns an error.
func serve(file string) error {
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		return err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start()
	s.WaitForShutdown()
	return nil
}

// A Server is a real NATS server with JetStream on a loopback port. After a restart it has the
// same port and the same store:
//
//	         Kill, Stop                  Freeze
//	ended ◀───────────── running ─────────────────▶ frozen
//	      ─────────────▶         ◀─────────────────
//	         Restart                     Thaw
//
// Its methods are for one goroutine.
type Server struct {
	URL     string // for clients, such as "nats://127.0.0.1:40123"
	Monitor string // URL of the monitoring pages, such as "http://127.0.0.1:40124"
	Name    string

	folder  string
	process *process // the current process, or the last one
}

// A process is one process of a server, from a start to its end.
type process struct {
	cmd    *exec.Cmd
	frozen bool
	ended  chan struct{} // closed once the process has ended
}

// Start starts a server and returns once it accepts connections. config contains lines that are
// added to its configuration, such as `authorization { token: "secret" }`. The server is killed
// when the test ends. If the test fails, the server's log is shown.
func Start(t testing.TB, config ...string) *Server {
	t.Helper()
	s := configure(t, "nats", config...)
	s.start(t)
	s.waitForPort(t)
	return s
}

// configure returns a server with a written configuration. It does not start it.
func configure(t testing.TB, name string, config ...string) *Server {
	t.Helper()
	s := &Server{URL: "nats://" + testtool.FreePort(t), Monitor: "http://" + testtool.FreePort(t), Name: name, folder: t.TempDir()}
	s.Configure(t, config...)
	t.Cleanup(func() {
		s.end(syscall.SIGKILL)
		if t.Failed() {
			said, _ := os.ReadFile(s.logFile())
			t.Logf("%s logged:\n%s", s.Name, said)
		}
	})
	return s
}

// Configure writes the configuration for the next start. config has the same form as for Start. The
// line "jetstream: disabled" disables JetStream.
func (s *Server) Configure(t testing.TB, config ...string) {
	t.Helper()
	lines := append([]string{
		"server_name: " + s.Name,
		"listen: " + strings.TrimPrefix(s.URL, "nats://"),
		"http: " + strings.TrimPrefix(s.Monitor, "http://"),
		fmt.Sprintf("jetstream { store_dir: %q, max_file_store: 1GB, max_memory_store: 64MB }", filepath.Join(s.folder, "store")),
	}, config...) // if a setting is repeated, the last value counts
	if err := os.WriteFile(s.file(), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) file() string    { return filepath.Join(s.folder, "nats.conf") }
func (s *Server) logFile() string { return filepath.Join(s.folder, "nats.log") }

// start starts the process.
func (s *Server) start(t testing.TB) {
	t.Helper()
	testtool.Started(t, "a NATS server")
	said, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(testtool.Environ(), configVariable+"="+s.file())
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	s.process = p
}

// run starts the process and waits until it has ended. The kernel kills the process when the thread
// that started it exits (Pdeathsig). Go may stop threads at any time, so run keeps its thread.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.cmd.Wait()
	}
}

// waitForPort waits until the server accepts connections, which is the last step of its start.
func (s *Server) waitForPort(t testing.TB) {
	t.Helper()
	testtool.WaitFor(t, s.Name+" at "+s.URL, func() bool {
		select {
		case <-s.process.ended:
			t.Fatalf("%s ended immediately", s.Name)
		default:
		}
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.URL, "nats://"), time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// end sends a signal to the process, if it still runs, and waits until it has ended.
func (s *Server) end(by syscall.Signal) {
	if s.process == nil {
		return
	}
	s.process.cmd.Process.Signal(by)
	s.Thaw()
	<-s.process.ended
}

// alive reports whether the process runs and is not frozen.
func (s *Server) alive() bool {
	select {
	case <-s.process.ended:
		return false
	default:
		return !s.process.frozen
	}
}

// Kill kills the server without warning, like a crash.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop shuts the server down.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Freeze suspends the server with SIGSTOP. It answers nothing, and its connections remain open.
// Freeze waits until all threads of the server are suspended.
func (s *Server) Freeze() {
	p := s.process.cmd.Process
	s.process.frozen = p.Signal(syscall.SIGSTOP) == nil
	for s.process.frozen && errors.Is(unix.Waitid(unix.P_PID, p.Pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
}

// Thaw resumes a frozen server.
func (s *Server) Thaw() {
	s.process.cmd.Process.Signal(syscall.SIGCONT)
	s.process.frozen = false
}

// Restart starts the server again, with the same port and store. If the server runs, Restart stops
// it first.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	s.start(t)
	s.waitForPort(t)
}

// Connect opens a connection that uses only this server. It is closed when the test ends.
func (s *Server) Connect(t testing.TB, options ...nats.Option) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	options = append([]nats.Option{nats.IgnoreDiscoveredServers(), nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond)}, options...)
	conn, err := nats.Connect(s.URL, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return conn, js
}

// Stored returns the last sequence of a stream in this server's own replica, or 0 if the server
// does not answer.
func (s *Server) Stored(stream string) (last uint64) {
	client := http.Client{Timeout: time.Second}
	answer, err := client.Get(s.Monitor + "/jsz?streams=true")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	var info server.JSInfo
	if err := json.NewDecoder(answer.Body).Decode(&info); err != nil {
		return 0
	}
	for _, account := range info.AccountDetails {
		for _, detail := range account.Streams {
			if detail.Name == stream {
				last = detail.State.LastSeq
			}
		}
	}
	return last
}
