package hub_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
)

// listeningOn returns the descriptors of this process that listen on a TCP port.
func listeningOn(t *testing.T, port int) (fds []int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range open {
		fd, _ := strconv.Atoi(file.Name())
		if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
			continue
		}
		if addr, err := unix.Getsockname(fd); err == nil {
			if tcp, ok := addr.(*unix.SockaddrInet4); ok && tcp.Port == port {
				fds = append(fds, fd)
			}
		}
	}
	return fds
}

// TestEndOfOneLoopEndsTheServer makes the engine of one loop fail: its listener is shut down, so
// that accept returns an error. Serve must then return an error, and close the subscribers of all
// loops, while clients connect to TCP ports and unix sockets.
func TestEndOfOneLoopEndsTheServer(t *testing.T) {
	for loops := 1; loops <= 3; loops++ {
		for failing := range loops {
			t.Run(fmt.Sprintf("loop %d of %d", failing, loops), func(t *testing.T) { endOneLoop(t, loops, failing) })
		}
	}
}

func endOneLoop(t *testing.T, loops, failing int) {
	path := t.TempDir() + "/s"
	s, err := ssed.New(ssed.Options{Loops: loops, Listen: []string{"127.0.0.1:0", "unix://" + path}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	<-s.Ready()
	var readers []io.Reader
	for range 4 * loops {
		readers = append(readers, subscribe(t, s, "/subscribe/n"))
	}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { connectUntil(stop, "unix", path) })
		clients.Go(func() { connectUntil(stop, "tcp", s.ListenAddrs()[0].String()) })
	}
	fds := listeningOn(t, s.ListenAddrs()[0].(*net.TCPAddr).Port)
	if len(fds) != loops {
		t.Fatalf("%d sockets listen, want %d", len(fds), loops)
	}
	if err := unix.Shutdown(fds[failing], unix.SHUT_RD); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-served:
		if err == nil || !strings.Contains(err.Error(), "stopped unexpectedly") {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Serve does not return")
	}
	close(stop)
	clients.Wait()
	for _, r := range readers {
		if _, err := io.ReadAll(r); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a subscriber is still connected")
		}
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unix socket is still there: %v", err)
	}
	if _, err := s.Stats(t.Context()); !errors.Is(err, ssed.ErrStopped) {
		t.Errorf("Stats: %v", err)
	}
	if err := s.Publish(t.Context(), ssed.Message{Namespace: "/n"}); err == nil {
		t.Error("Publish succeeds after the end")
	}
	testtool.WaitFor(t, "all listeners are closed", func() bool {
		return len(listeningOn(t, s.ListenAddrs()[0].(*net.TCPAddr).Port)) == 0
	})
}

// connectUntil connects and subscribes, again and again. The server may refuse it.
func connectUntil(stop <-chan struct{}, network, address string) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		c, err := net.Dial(network, address)
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		c.SetDeadline(time.Now().Add(time.Second))
		io.WriteString(c, "GET /subscribe/n HTTP/1.1\r\nHost: x\r\n\r\n")
		c.Read(make([]byte, 100))
		c.Close()
	}
}
