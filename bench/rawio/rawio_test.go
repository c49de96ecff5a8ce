package rawio

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func pair(t *testing.T) (int, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// TestReadAndWriteResults checks the results of Read and Write.
func TestReadAndWriteResults(t *testing.T) {
	a, b := pair(t)
	buf := make([]byte, 16)
	if n, errno := Read(b, buf); n != 0 || errno != unix.EAGAIN {
		t.Fatalf("read of nothing: %d, %v; want 0, EAGAIN", n, errno)
	}
	if n, errno := Write(a, []byte("ping")); n != 4 || errno != 0 {
		t.Fatalf("write: %d, %v", n, errno)
	}
	if n, errno := Read(b, buf); n != 4 || errno != 0 || string(buf[:n]) != "ping" {
		t.Fatalf("read: %q, %v", buf[:n], errno)
	}
	unix.Shutdown(a, unix.SHUT_WR)
	if n, errno := Read(b, buf); n != 0 || errno != 0 {
		t.Fatalf("read at the end: %d, %v; want 0, 0", n, errno)
	}
}

// TestPollerWaitsAndReports checks the events that a poller reports.
func TestPollerWaitsAndReports(t *testing.T) {
	a, b := pair(t)
	p, err := NewPoller(4)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Add(b, unix.EPOLLIN, 42); err != nil {
		t.Fatal(err)
	}
	if events, err := p.Wait(time.Millisecond); len(events) != 0 || err != nil {
		t.Fatalf("got %v, %v, want no events", events, err)
	}
	Write(a, []byte("x"))
	events, err := p.Wait(-1)
	if err != nil || len(events) != 1 || events[0].Fd != 42 || events[0].Events&unix.EPOLLIN == 0 {
		t.Fatalf("got %v, %v", events, err)
	}
	if err := p.Change(b, 0, 42); err != nil {
		t.Fatal(err)
	}
	if events, _ := p.Wait(0); len(events) != 0 {
		t.Fatalf("got %v, want no events", events)
	}
	if err := p.Remove(b); err != nil {
		t.Fatal(err)
	}
}
