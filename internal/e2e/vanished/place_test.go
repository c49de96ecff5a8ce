package vanished

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// A place is a network namespace: a network of its own, with its own interfaces,
// routes and ports (network_namespaces(7)). It has no name, so there is nothing to
// clean up: the kernel drops it, and its links, with the last descriptor and the
// last process in it, whatever became of the test.
type place struct {
	ns *os.File
}

// newPlace makes a place with nothing but a loopback interface.
func newPlace(t *testing.T) place {
	t.Helper()
	testtool.Need(t, "ip") // of the Debian package iproute2
	home := thisPlace(t)
	defer home.ns.Close()
	runtime.LockOSThread() // which is what a network namespace belongs to
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		testtool.Lack(t, "cannot make a network namespace (%v): this test needs root", err)
	}
	defer home.enterAgain(t)
	p := thisPlace(t)
	t.Cleanup(func() { p.ns.Close() })
	p.ip(t, "link set dev lo up")
	return p
}

// thisPlace is where the thread is that runs this.
func thisPlace(t *testing.T) place {
	t.Helper()
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		testtool.Lack(t, "there are no network namespaces: %v", err)
	}
	return place{ns}
}

// in runs do in this place. What it opens stays there, and processes that it
// starts do; goroutines that it starts do not.
func (p place) in(t *testing.T, do func()) {
	t.Helper()
	home := thisPlace(t)
	defer home.ns.Close()
	runtime.LockOSThread()
	defer home.enterAgain(t)
	if err := unix.Setns(int(p.ns.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	do()
}

// enterAgain brings a locked thread back to where it was before. One that cannot go
// back dies with its goroutine.
func (p place) enterAgain(t *testing.T) {
	if err := unix.Setns(int(p.ns.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Errorf("a thread is lost in another network namespace: %v", err)
		return
	}
	runtime.UnlockOSThread()
}

// ip runs ip(8) in this place.
func (p place) ip(t *testing.T, command string) {
	t.Helper()
	p.in(t, func() {
		if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", command, err, out)
		}
	})
}

// sysctl sets one of this place's variables in /proc/sys/net.
func (p place) sysctl(t *testing.T, name, value string) {
	t.Helper()
	p.in(t, func() {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	})
}

// A remote is a place for clients, at the other end of a link to the daemon's.
type remote struct {
	place
	near             string // the link's interface in the daemon's place; here it is "home"
	daemon4, daemon6 string // the daemon's addresses, seen from here
	client4, client6 string // the addresses here
}

// newRemote makes the n-th remote of the daemon's place p.
func (p place) newRemote(t *testing.T, n int) remote {
	t.Helper()
	r := remote{
		place:   newPlace(t),
		near:    fmt.Sprint("link", n),
		daemon4: fmt.Sprintf("10.77.%d.1", n), client4: fmt.Sprintf("10.77.%d.2", n),
		daemon6: fmt.Sprintf("fd77:%d::1", n), client6: fmt.Sprintf("fd77:%d::2", n),
	}
	p.ip(t, fmt.Sprintf("link add %s type veth peer name home netns /proc/%d/fd/%d", r.near, os.Getpid(), r.ns.Fd()))
	p.plug(t, r.near, r.daemon4, r.daemon6)
	r.plug(t, "home", r.client4, r.client6)
	return r
}

// plug gives an interface its addresses, and takes it up. nodad: nobody else can
// have the address, and nobody should wait until that is found out.
func (p place) plug(t *testing.T, link, ip4, ip6 string) {
	t.Helper()
	p.ip(t, fmt.Sprintf("address add %s/24 dev %s", ip4, link))
	p.ip(t, fmt.Sprintf("address add %s/64 dev %s nodad", ip6, link))
	p.ip(t, "link set dev "+link+" up")
}
