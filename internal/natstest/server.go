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

// configVariable names a configuration file, and makes a test's binary the server
// that it describes.
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

// serve is nats-server's main: it ends with SIGTERM, or by an error.
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

// A Server is a real NATS server with JetStream on a loopback port. It keeps port
// and store over its ends. Its methods are for one goroutine.
type Server struct {
	URL     string // where clients connect, such as "nats://127.0.0.1:40123"
	Monitor string // what it tells of itself over HTTP, such as "http://127.0.0.1:40124"
	Name    string

	folder  string
	process *process // the present one, or the last
}

// A process is one life of a server.
type process struct {
	cmd    *exec.Cmd
	frozen bool
	ended  chan struct{} // closed once it is gone
}

// Start starts a server and returns once JetStream answers. config are lines of its
// configuration, such as `authorization { token: "secret" }`, on top of its name,
// port and store. It is killed when the test ends, and what it logged is shown if
// the test failed.
func Start(t testing.TB, config ...string) *Server {
	t.Helper()
	s := configure(t, "nats", config...)
	s.start(t)
	s.waitForPort(t)
	return s
}

// configure makes a server and writes its configuration.
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

// Configure writes the configuration of the next life, as Start does. "jetstream:
// disabled" among the lines takes JetStream away.
func (s *Server) Configure(t testing.TB, config ...string) {
	t.Helper()
	lines := append([]string{
		"server_name: " + s.Name,
		"listen: " + strings.TrimPrefix(s.URL, "nats://"),
		"http: " + strings.TrimPrefix(s.Monitor, "http://"),
		fmt.Sprintf("jetstream { store_dir: %q, max_file_store: 1GB, max_memory_store: 64MB }", filepath.Join(s.folder, "store")),
	}, config...) // of two values the later one counts
	if err := os.WriteFile(s.file(), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) file() string    { return filepath.Join(s.folder, "nats.conf") }
func (s *Server) logFile() string { return filepath.Join(s.folder, "nats.log") }

// start begins a life.
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
	go p.live(started)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	s.process = p
}

// live is a process's whole life. It dies with the thread that started it
// (Pdeathsig), so that has to live as long: Go ends threads at times.
func (p *process) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.cmd.Wait()
	}
}

// waitForPort waits until the server takes connections, which it does last.
func (s *Server) waitForPort(t testing.TB) {
	t.Helper()
	testtool.WaitFor(t, s.Name+" at "+s.URL, func() bool {
		select {
		case <-s.process.ended:
			t.Fatalf("%s ended at once", s.Name)
		default:
		}
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.URL, "nats://"), time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// end has a signal end the process, if it still runs, and waits for that.
func (s *Server) end(by syscall.Signal) {
	if s.process == nil {
		return
	}
	s.process.cmd.Process.Signal(by)
	s.Thaw()
	<-s.process.ended
}

// alive tells whether the process runs and is not frozen.
func (s *Server) alive() bool {
	select {
	case <-s.process.ended:
		return false
	default:
		return !s.process.frozen
	}
}

// Kill ends the server without a warning, as a crash does.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the server in an orderly way.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Freeze stops the server where it is: it answers nothing, and its connections stay.
// A thread in the middle of something has to notice the signal, so it waits for all.
func (s *Server) Freeze() {
	p := s.process.cmd.Process
	s.process.frozen = p.Signal(syscall.SIGSTOP) == nil
	for s.process.frozen && errors.Is(unix.Waitid(unix.P_PID, p.Pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
}

// Thaw has a frozen server go on.
func (s *Server) Thaw() {
	s.process.cmd.Process.Signal(syscall.SIGCONT)
	s.process.frozen = false
}

// Restart starts the server again on its port with its store, once it has ended;
// if it still runs it is stopped first.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	s.start(t)
	s.waitForPort(t)
}

// Connect opens a connection that knows of this server only. It closes when the
// test ends.
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

// Stored returns the last sequence that the server itself has of a stream, whatever
// the others have; 0 if it does not tell.
func (s *Server) Stored(stream string) (last uint64) {
	client := http.Client{Timeout: time.Second}
	answer, err := client.Get(s.Monitor + "/jsz?streams=true")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
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
