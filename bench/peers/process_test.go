package peers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A process is one running server.
type process struct {
	server
	listen, publish string // addresses
	cmd             *exec.Cmd
	gone            chan struct{} // closed when the process has exited
	why             error         // the result of Wait, valid after gone is closed
}

// start runs a server on free ports until the test ends. It returns when the server accepts
// connections.
func start(t *testing.T, s server) *process {
	t.Helper()
	p := &process{server: s, listen: testtool.FreePort(t), publish: testtool.FreePort(t), gone: make(chan struct{})}
	args := []string{"-listen", p.listen, "-publish", p.publish}
	if s.name == "nchan" {
		args = append(args, "-prefix", t.TempDir())
	}
	p.cmd = exec.Command(s.program(t), args...)
	var said strings.Builder
	p.cmd.Stdout, p.cmd.Stderr = &said, &said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.why = p.cmd.Wait()
		close(p.gone)
	}()
	t.Cleanup(func() {
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.gone
		if t.Failed() {
			t.Logf("output of %s:\n%s", s.name, said.String())
		}
	})
	for _, address := range []string{p.listen, p.publish} {
		testtool.WaitFor(t, s.name+" on "+address, func() bool {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	return p
}

// A stream collects the bytes that one subscriber has received.
type stream struct {
	mu   sync.Mutex
	text strings.Builder
}

// subscribe returns when the head of the answer has arrived.
func (p *process) subscribe(t *testing.T, namespace string) *stream {
	t.Helper()
	s, err := p.trySubscribe(t.Context(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p *process) trySubscribe(ctx context.Context, namespace string) (*stream, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.listen+"/subscribe"+namespace, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream") // as browsers do; nchan requires it
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		response.Body.Close()
		return nil, fmt.Errorf("%s: unexpected answer %s, Content-Type %q", p.name, response.Status, kind)
	}
	s := &stream{}
	go func() {
		defer response.Body.Close()
		io.Copy(s, response.Body)
	}()
	return s, nil
}

func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// waitFor waits until the subscriber has received a text.
func (s *stream) waitFor(t *testing.T, text string) {
	t.Helper()
	testtool.WaitFor(t, "a subscriber to receive "+text, func() bool { return strings.Contains(s.String(), text) })
}

// A publisher is a connection to publish on, with the server's protocol.
type publisher struct {
	p    *process
	conn net.Conn
	in   *bufio.Reader
	sent int
}

func (p *process) dial(t *testing.T) *publisher {
	t.Helper()
	conn, err := net.Dial("tcp", p.publish)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &publisher{p: p, conn: conn, in: bufio.NewReader(conn)}
}

// send publishes all data in one write. It returns when the server has accepted every message.
func (p *publisher) send(t *testing.T, namespace string, data ...string) {
	t.Helper()
	var text strings.Builder
	for _, d := range data {
		if p.p.post {
			fmt.Fprintf(&text, "POST /publish%s HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", namespace, len(d), d)
		} else {
			fmt.Fprintf(&text, "PUB %s tick %s\n", namespace, d)
		}
	}
	if _, err := io.WriteString(p.conn, text.String()); err != nil {
		t.Fatal(err)
	}
	for range data {
		p.sent++
		if err := p.accepted(); err != nil {
			t.Fatalf("message %d: %v", p.sent, err)
		}
	}
}

// accepted reads one reply and checks that the server accepted the message.
func (p *publisher) accepted() error {
	if !p.p.post {
		line, err := p.in.ReadString('\n')
		if want := fmt.Sprintf("OK %d\n", p.sent); err == nil && line != want {
			err = fmt.Errorf("reply %q, want %q", line, want)
		}
		return err
	}
	response, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("unexpected answer: %s", response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
