package testtool

import (
	"bufio"
	endian "encoding/binary" // the name binary is taken in this package
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// A Load is the resource usage of a process at one moment.
type Load struct {
	Memory      int64 // resident, in bytes
	Descriptors int
}

// LoadOf reads a process's load from /proc. The process must be this one or a child of it, because
// others may not be readable.
func LoadOf(pid int) (l Load, err error) {
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return l, err
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if size, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			_, err = fmt.Sscanf(size, "%d kB", &l.Memory)
			l.Memory <<= 10
		}
	}
	if err != nil || l.Memory == 0 {
		return l, fmt.Errorf("process %d has no resident memory: %v", pid, err)
	}
	l.Descriptors, err = DescriptorsOf(pid)
	return l, err
}

// DescriptorsOf counts a process's descriptors.
func DescriptorsOf(pid int) (int, error) {
	folder, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	return len(names), err
}

// A SocketState is the state of a connection in /proc/net/tcp.
type SocketState string

// The states of connections that their owner has closed.
const (
	FinWait1 SocketState = "04" // the FIN waits behind unsent bytes
	FinWait2 SocketState = "05" // the peer has not closed its half yet
	TimeWait SocketState = "06" // both have closed, the owner first
)

// SocketsIn counts the sockets in a state with the local address address, an IPv4 address such as
// "127.0.0.1:8001". It includes sockets that no process owns any more.
func SocketsIn(state SocketState, address string) (n int, err error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, err
	}
	ip := at.Addr().As4()
	local := fmt.Sprintf("%08X:%04X", endian.NativeEndian.Uint32(ip[:]), at.Port())
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(table)) {
		// number, local address, remote address, state
		if fields := strings.Fields(line); len(fields) > 3 && fields[1] == local && fields[3] == string(state) {
			n++
		}
	}
	return n, nil
}
