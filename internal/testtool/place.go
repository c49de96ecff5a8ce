package testtool

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A Place is a network namespace, with its own interfaces, routes and ports
// (network_namespaces(7)). It has no name, so there is nothing to clean up. The kernel removes it
// and its links with the last descriptor and the last process in it, even if the test is killed.
type Place struct {
	NS *os.File
}

// NewPlace creates a network namespace with only a loopback interface. If the test may not create
// one, it is skipped.
func NewPlace(t testing.TB) Place {
	t.Helper()
	Need(t, "ip") // of the Debian package iproute2
	home := thisPlace(t)
	defer home.NS.Close()
	runtime.LockOSThread() // network namespaces belong to threads
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		Lack(t, "cannot create a network namespace (%v): this test requires root", err)
	}
	defer home.enterAgain(t)
	Started(t, "a network namespace")
	p := thisPlace(t)
	t.Cleanup(func() { p.NS.Close() })
	p.IP(t, "link set dev lo up")
	return p
}

// thisPlace returns the network namespace of the current thread.
func thisPlace(t testing.TB) Place {
	t.Helper()
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		Lack(t, "the kernel has no network namespaces: %v", err)
	}
	return Place{ns}
}

// In calls do in this network namespace. Sockets that do opens and processes that it starts remain
// in the namespace. Goroutines that it starts do not run there.
func (p Place) In(t testing.TB, do func()) {
	t.Helper()
	home := thisPlace(t)
	defer home.NS.Close()
	runtime.LockOSThread()
	defer home.enterAgain(t)
	if err := unix.Setns(int(p.NS.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	do()
}

// enterAgain returns a locked thread to its original network namespace. If that fails, the thread
// stays locked, and exits with its goroutine.
func (p Place) enterAgain(t testing.TB) {
	if err := unix.Setns(int(p.NS.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Errorf("a thread cannot return to its network namespace: %v", err)
		return
	}
	runtime.UnlockOSThread()
}

// IP runs ip(8) in this network namespace.
func (p Place) IP(t testing.TB, command string) {
	t.Helper()
	ip := Need(t, "ip")
	p.In(t, func() {
		if out, err := exec.Command(ip, strings.Fields(command)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", command, err, out)
		}
	})
}
