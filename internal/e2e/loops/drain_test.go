package loops

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestDrainKeepsUnixSocket stops a daemon of which only one loop has a subscriber, which reads
// nothing. It verifies that until that subscriber has read everything, clients of the unix socket
// are asked to reconnect later, like clients of a daemon with one loop.
func TestDrainKeepsUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "subscribe")
	d := testtool.Start(t, "--loops=2", "--listen=unix://"+socket)
	last := open(t, socket)
	data := strings.Repeat("x", 60<<10)
	p := testtool.DialPublisher(t, d.Publish[0])
	const messages = 100 // more than the buffers of a socket hold
	for range messages {
		p.Ask(t, "PUB /news - "+data)
	}
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	testtool.WaitFor(t, "the drain to begin", func() bool { return d.Logged("msg=draining") > 0 })
	// A loop without subscribers could end in one of these turns.
	for range 20 {
		late := open(t, socket)
		if block, err := late.Block(); err != nil || !strings.HasPrefix(string(block), "retry:") {
			t.Fatalf("a client that came during the drain got %q, %v; want a reconnection time", block, err)
		}
		late.Conn.Close()
		time.Sleep(50 * time.Millisecond)
	}
	for range messages {
		last.WantFrame(t, "data:"+data+"\n\n")
	}
	if block, err := last.Block(); err != nil || !strings.HasPrefix(string(block), "retry:") {
		t.Errorf("the last block is %q, %v; want a reconnection time", block, err)
	}
	if block, err := last.Block(); err != io.EOF {
		t.Errorf("got %q, %v after the end", block, err)
	}
	if code := d.Wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// open subscribes to /news at a unix socket, and reads the head of the response.
func open(t *testing.T, socket string) *testtool.Stream {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	stream, err := testtool.Get(conn, "/subscribe/news")
	if err == nil {
		err = stream.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	return stream
}
