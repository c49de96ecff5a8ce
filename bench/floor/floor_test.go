package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// The floor changes its whole process: it uses one thread and no garbage collector. So the tests
// run it in a separate process, which is this test binary with runFloor set.
const runFloor = "SSED_TEST_RUN_FLOOR"

func TestMain(m *testing.M) {
	if os.Getenv(runFloor) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// startFloor returns the addresses for subscribers and for publishers.
func startFloor(t *testing.T, flags ...string) (string, string) {
	t.Helper()
	listen, publish := testtool.FreePort(t), testtool.FreePort(t)
	cmd := exec.Command(os.Args[0], append([]string{"-listen", listen, "-publish", publish}, flags...)...)
	cmd.Env = append(os.Environ(), runFloor+"=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	dial(t, listen).Close()
	dial(t, publish).Close()
	return listen, publish
}

// dial connects, and waits until the floor is listening.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// subscribe returns a connection on which the response head has been read.
func subscribe(t *testing.T, address string) net.Conn {
	t.Helper()
	conn := dial(t, address)
	io.WriteString(conn, "GET /subscribe/pets HTTP/1.1\r\nHost: x\r\n")
	io.WriteString(conn, "\r\n")
	expect(t, conn, string(answer))
	return conn
}

func expect(t *testing.T, from io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v\nwant %q", got[:n], err, want)
	}
}

// TestLinesBecomeFrames checks the replies to lines, and the frames that subscribers receive.
func TestLinesBecomeFrames(t *testing.T) {
	listen, publish := startFloor(t)
	a, b, pub := subscribe(t, listen), subscribe(t, listen), dial(t, publish)
	io.WriteString(pub, "PUB /pets/dogs new-dog Corgi\nPUB /pets - no name\nPUB /p")
	expect(t, pub, "OK 1\nOK 2\n")
	io.WriteString(pub, "ets e the rest\nQUIET on\nPUB / e quiet\nnonsense\nPUB /short\nQUIET off\nPUB / e loud\n")
	expect(t, pub, "OK 3\nOK\nOK\nERR syntax PUB needs a namespace, an event and data\nOK\nOK 5\n")
	const frames = "event:new-dog\ndata:Corgi\n\ndata:no name\n\nevent:e\ndata:the rest\n\nevent:e\ndata:quiet\n\nevent:e\ndata:loud\n\n"
	expect(t, a, frames)
	expect(t, b, frames)
}

// TestSlowReaderLosesNothing verifies that a slow subscriber receives all messages and does not
// delay others.
func TestSlowReaderLosesNothing(t *testing.T) {
	listen, publish := startFloor(t)
	slow, fast, gone, pub := subscribe(t, listen), subscribe(t, listen), subscribe(t, listen), dial(t, publish)
	const lines = 20_000
	data := strings.Repeat("x", 1000)
	go func() {
		w := bufio.NewWriter(pub)
		for i := range lines {
			fmt.Fprintf(w, "PUB /a e %d %s\n", i, data)
		}
		w.Flush()
	}()
	go io.Copy(io.Discard, pub) // the OKs

	check := func(from net.Conn) {
		t.Helper()
		r := bufio.NewReader(from)
		for i := range lines {
			want := fmt.Sprintf("event:e\ndata:%d %s\n\n", i, data)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, []byte(want)) {
				t.Fatalf("message %d: %.40q, %v", i, got, err)
			}
		}
	}
	check(fast)  // slow does not read during this
	gone.Close() // with megabytes unread
	check(slow)
}

// TestUnreadRepliesStopReading verifies that the floor stops reading from a publisher that does not
// read its replies.
func TestUnreadRepliesStopReading(t *testing.T) {
	_, publish := startFloor(t)
	pub := dial(t, publish)
	pub.SetWriteDeadline(time.Now().Add(time.Second))
	block := []byte(strings.Repeat("PUB /a e x\n", 10_000))
	sent := 0
	for {
		n, err := pub.Write(block)
		if sent += n; err != nil {
			break // the floor has stopped reading, and the socket is full
		}
		if sent > 1<<30 {
			t.Fatal("the floor accepted a gigabyte of lines although no reply was read")
		}
	}
	pub.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(pub)
	for i := 1; i <= sent/len("PUB /a e x\n"); i++ {
		line, err := r.ReadString('\n')
		if want := fmt.Sprintf("OK %d\n", i); err != nil || line != want {
			t.Fatalf("got %q, %v; want %q", line, err, want)
		}
	}
}

// TestSlowestSubscriberIsClosedAtLogMax verifies that the floor closes the slowest subscriber when
// the log is full.
func TestSlowestSubscriberIsClosedAtLogMax(t *testing.T) {
	listen, publish := startFloor(t, "-sndbuf", "4096", "-log-max", "1000000")
	stuck, pub := subscribe(t, listen), dial(t, publish)
	w := bufio.NewWriter(pub)
	const lines = 20_000
	for range lines {
		fmt.Fprintf(w, "PUB /a e %s\n", strings.Repeat("x", 500))
	}
	go w.Flush()
	r := bufio.NewReader(pub)
	for range lines {
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	// The subscriber still gets the bytes in the kernel's buffers, and then the end of the stream,
	// so it does not assume that it has everything.
	if n, err := io.Copy(io.Discard, stuck); n >= lines*500 {
		t.Fatalf("%d bytes arrived (%v): nothing was lost, so the test is not effective", n, err)
	}
}

// TestOnlyLoopback verifies that the floor rejects other addresses.
func TestOnlyLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "192.0.2.1:80", "[::1]:80", "localhost:80", ":80"} {
		if fd, err := listenOn(address, 0); err == nil {
			t.Errorf("%s was accepted as fd %d", address, fd)
		}
	}
}
