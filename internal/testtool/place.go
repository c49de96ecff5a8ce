package testtool

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A Place is a network namespace: a network of its own, with its own interfaces,
// routes and ports (network_namespaces(7)). It has no name, so there is nothing to
// clean up: the kernel drops it, and its links, with the last descriptor and the
// last process in it, whatever became of the test.
type Place struct {
	NS *os.File
}

// NewPlace makes a place with nothing but a loopback interface.
func NewPlace(t testing.TB) Place {
	t.Helper()
	Need(t, "ip") // of the Debian package iproute2
	home := thisPlace(t)
	defer home.NS.Close()
	runtime.LockOSThread() // which is what a network namespace belongs to
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		Lack(t, "cannot make a network namespace (%v): this test needs root", err)
	}
	defer home.enterAgain(t)
	Started(t, "a network namespace")
	p := thisPlace(t)
	t.Cleanup(func() { p.NS.Close() })
	p.IP(t, "link set dev lo up")
	return p
}

// thisPlace is where the thread is that runs this.
func thisPlace(t testing.TB) Place {
	t.Helper()
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		Lack(t, "there are no network namespaces: %v", err)
	}
	return Place{ns}
}

// In runs do in this place. What it opens stays there, and processes that it
// starts do; goroutines that it starts do not.
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

// enterAgain brings a locked thread back to where it was before. One that cannot go
// back dies with its goroutine.
func (p Place) enterAgain(t testing.TB) {
	if err := unix.Setns(int(p.NS.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Errorf("a thread is lost in another network namespace: %v", err)
		return
	}
	runtime.UnlockOSThread()
}

// IP runs ip(8) in this place.
func (p Place) IP(t testing.TB, command string) {
	t.Helper()
	ip := Need(t, "ip")
	p.In(t, func() {
		if out, err := exec.Command(ip, strings.Fields(command)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", command, err, out)
		}
	})
}
