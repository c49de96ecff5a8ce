package evioserver

import (
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/ssed/ssed/internal/openfiles"
)

// sendAtOnce makes the kernel send each reply immediately (TCP_NODELAY in tcp(7)), like gnet does
// for publishers on the subscribers' loop. Otherwise a reply waits until the client has
// acknowledged the reply before it, and a client that sends nothing does that up to 40 ms later.
//
// evio has no option for this, and does not export its descriptors. So sendAtOnce looks for the
// listeners among all descriptors of the process. Connections inherit the option from them. It
// returns the addresses for which that failed.
func sendAtOnce(addrs []net.Addr) (failed []net.Addr) {
	for _, addr := range addrs {
		if _, ok := addr.(*net.TCPAddr); ok {
			failed = append(failed, addr)
		}
	}
	for fd := 0; fd < openfiles.Limit() && len(failed) > 0; fd++ {
		at, ok := listensAt(fd)
		if !ok {
			continue
		}
		i := slices.IndexFunc(failed, func(addr net.Addr) bool { return unmapped(addr.(*net.TCPAddr).AddrPort()) == at })
		if i >= 0 && syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) == nil {
			failed = slices.Delete(failed, i, i+1)
		}
	}
	return failed
}

// listensAt returns the address of a descriptor that listens on TCP. ok is false for other
// descriptors.
func listensAt(fd int) (at netip.AddrPort, ok bool) {
	if listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || listens == 0 {
		return at, false
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return at, false
	}
	switch name := name.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port)), true
	case *syscall.SockaddrInet6:
		return unmapped(netip.AddrPortFrom(netip.AddrFrom16(name.Addr), uint16(name.Port))), true
	}
	return at, false
}

// unmapped returns an address in the form in which two equal addresses are equal values.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
