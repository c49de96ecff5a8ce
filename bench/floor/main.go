package main

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8001", "`address` for subscribers")
	publish := flag.String("publish", "127.0.0.1:8002", "`address` for publishers")
	sendBuffer := flag.Int("sndbuf", 128<<10, "SO_SNDBUF of each subscriber in `bytes`, or 0 for the kernel's default")
	logMax := flag.Int("log-max", 1<<30, "maximum length of the log in `bytes`; above it, the slowest subscribers are closed")
	flag.Parse()
	if err := run(*listen, *publish, *sendBuffer, *logMax); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(listen, publish string, sendBuffer, logMax int) error {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	// RawSyscall keeps the P while it waits, so a garbage collection would wait for the next event.
	// There is almost no garbage.
	debug.SetGCPercent(-1)

	subscribers, err := listenOn(listen, sendBuffer)
	if err != nil {
		return fmt.Errorf("listen %s: %w", listen, err)
	}
	publishers, err := listenOn(publish, 0)
	if err != nil {
		return fmt.Errorf("publish %s: %w", publish, err)
	}
	f, err := newFloor(subscribers, publishers, logMax)
	if err != nil {
		return err
	}
	return f.serve()
}

// listenOn opens a listening socket. Accepted sockets inherit its options, which saves two system
// calls per accept.
func listenOn(address string, sendBuffer int) (int, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return -1, err
	}
	if !at.Addr().Is4() || !at.Addr().IsLoopback() {
		return -1, fmt.Errorf("not an IPv4 loopback address: the floor is only for measurements")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	options := []struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer},
	}
	for _, o := range options {
		if o.value == 0 {
			continue
		}
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return -1, err
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return -1, err
	}
	return fd, unix.Listen(fd, 4096)
}
