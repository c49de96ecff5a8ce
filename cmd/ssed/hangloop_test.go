package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// hangLoop stops the thread that runs an event loop of a daemon, a child of this process, as a
// debugger does (ptrace(2)). All other threads continue. The loop hangs until goOn is called.
// subscribers is a URL at which the daemon listens. number tells apart the loops that do, from 0.
//
// The loop must be idle. It is then in a system call, so Go gives the thread's share of the work to
// other threads. A goroutine that is stopped while it runs would soon stop all others: the garbage
// collector waits until it reaches a safe point.
func hangLoop(t *testing.T, pid int, subscribers string, number int) (goOn func()) {
	t.Helper()
	at, err := url.Parse(subscribers)
	if err != nil {
		t.Fatal(err)
	}
	epoll := epollOf(t, pid, listenersOf(t, pid, at.Port())[number])
	runtime.LockOSThread() // ptrace identifies the tracer by its thread
	stopped := 0
	testtool.WaitFor(t, "the event loop's thread to be found", func() bool {
		if stopped = waitingFor(t, pid, epoll); stopped == 0 {
			return false
		}
		if err := unix.PtraceSeize(stopped); err != nil {
			testtool.Lack(t, "cannot stop a thread of another process: %v", err)
		}
		if err := unix.PtraceInterrupt(stopped); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Wait4(stopped, nil, unix.WALL, nil); err != nil {
			t.Fatal(err)
		}
		if isWaitingFor(t, pid, stopped, epoll) {
			return true
		}
		unix.PtraceDetach(stopped) // this thread has left the loop, and another may have taken its place
		return false
	})
	return func() {
		t.Helper()
		if err := unix.PtraceDetach(stopped); err != nil {
			t.Fatal(err)
		}
		runtime.UnlockOSThread()
	}
}

// listenersOf returns a process's descriptors that listen on a TCP port.
func listenersOf(t *testing.T, pid int, port string) (fds []string) {
	t.Helper()
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		t.Fatal(err)
	}
	const listening = "0A"
	for line := range strings.Lines(string(table)) {
		// number, local address, remote address, state, ..., inode
		fields := strings.Fields(line)
		if len(fields) > 9 && fields[3] == listening && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", number)) {
			fds = append(fds, descriptorOf(t, pid, "socket:["+fields[9]+"]"))
		}
	}
	if fds == nil {
		t.Fatalf("no process listens on port %s", port)
	}
	return fds
}

func descriptorOf(t *testing.T, pid int, target string) (fd string) {
	t.Helper()
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, path := range paths {
		if found, err := os.Readlink(path); err == nil && found == target {
			return filepath.Base(path)
		}
	}
	t.Fatalf("process %d does not have %s", pid, target)
	return ""
}

// epollOf returns the epoll instance in which a descriptor is registered.
func epollOf(t *testing.T, pid int, fd string) uint64 {
	t.Helper()
	registered := regexp.MustCompile(`(?m)^tfd: +` + fd + ` `)
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	for _, path := range paths {
		info, err := os.ReadFile(path)
		if err != nil || !registered.Match(info) {
			continue
		}
		epoll, err := strconv.ParseUint(filepath.Base(path), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return epoll
	}
	t.Fatalf("descriptor %s of process %d is in no epoll instance", fd, pid)
	return 0
}

// waitingFor returns the thread that waits for an epoll instance, or 0.
func waitingFor(t *testing.T, pid int, epoll uint64) (thread int) {
	t.Helper()
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, path := range paths {
		if thread, err := strconv.Atoi(filepath.Base(path)); err == nil && isWaitingFor(t, pid, thread, epoll) {
			return thread
		}
	}
	return 0
}

// isWaitingFor reports whether a thread is in a system call that waits for an epoll instance. A
// call that only polls does not count.
func isWaitingFor(t *testing.T, pid, thread int, epoll uint64) bool {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, thread))
	if os.IsPermission(err) {
		testtool.Lack(t, "cannot see what another process's threads do: %v", err)
	}
	// The number and arguments of the call, or a word for a running thread.
	var call, instance, events, eventsMax, timeout uint64
	_, err = fmt.Sscanf(string(text), "%d 0x%x 0x%x 0x%x 0x%x ", &call, &instance, &events, &eventsMax, &timeout)
	return err == nil && call != unix.SYS_EPOLL_CTL && instance == epoll && timeout != 0
}
