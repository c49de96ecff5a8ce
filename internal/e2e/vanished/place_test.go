package vanished

import (
	"fmt"
	"os"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A place is a network namespace. Tests set its links and variables.
type place struct {
	testtool.Place
}

func newPlace(t *testing.T) place {
	t.Helper()
	return place{testtool.NewPlace(t)}
}

// sysctl sets a variable of this place in /proc/sys/net.
func (p place) sysctl(t *testing.T, name, value string) {
	t.Helper()
	p.In(t, func() {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	})
}

// A remote is a place for clients. A link connects it to the daemon's place.
type remote struct {
	place
	near             string // the link's interface in the daemon's place; its other end is "home"
	daemon4, daemon6 string // the daemon's addresses on this link
	client4, client6 string // the clients' addresses
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
	p.IP(t, fmt.Sprintf("link add %s type veth peer name home netns /proc/%d/fd/%d", r.near, os.Getpid(), r.NS.Fd()))
	p.plug(t, r.near, r.daemon4, r.daemon6)
	r.plug(t, "home", r.client4, r.client6)
	return r
}

// plug sets the addresses of an interface and brings it up. With nodad, the kernel does not wait
// for duplicate address detection, which is not needed here.
func (p place) plug(t *testing.T, link, ip4, ip6 string) {
	t.Helper()
	p.IP(t, fmt.Sprintf("address add %s/24 dev %s", ip4, link))
	p.IP(t, fmt.Sprintf("address add %s/64 dev %s nodad", ip6, link))
	p.IP(t, "link set dev "+link+" up")
}
