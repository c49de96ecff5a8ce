package vanished

import (
	"fmt"
	"os"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A place is a network namespace whose links and variables a test sets.
type place struct {
	testtool.Place
}

func newPlace(t *testing.T) place {
	t.Helper()
	return place{testtool.NewPlace(t)}
}

// sysctl sets one of this place's variables in /proc/sys/net.
func (p place) sysctl(t *testing.T, name, value string) {
	t.Helper()
	p.In(t, func() {
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
	p.IP(t, fmt.Sprintf("link add %s type veth peer name home netns /proc/%d/fd/%d", r.near, os.Getpid(), r.NS.Fd()))
	p.plug(t, r.near, r.daemon4, r.daemon6)
	r.plug(t, "home", r.client4, r.client6)
	return r
}

// plug gives an interface its addresses, and takes it up. nodad: nobody else can
// have the address, and nobody should wait until that is found out.
func (p place) plug(t *testing.T, link, ip4, ip6 string) {
	t.Helper()
	p.IP(t, fmt.Sprintf("address add %s/24 dev %s", ip4, link))
	p.IP(t, fmt.Sprintf("address add %s/64 dev %s nodad", ip6, link))
	p.IP(t, "link set dev "+link+" up")
}
