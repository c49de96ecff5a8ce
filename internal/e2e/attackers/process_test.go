package attackers

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A load is what a process takes of the machine at one moment.
type load struct {
	memory      int64 // resident, in bytes
	descriptors int
}

// loadOf reads a process's load from /proc. The process is a child of this one,
// so it can always be read.
func loadOf(pid int) (l load, err error) {
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return l, err
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if size, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			_, err = fmt.Sscanf(size, "%d kB", &l.memory)
			l.memory <<= 10
		}
	}
	if err != nil || l.memory == 0 {
		return l, fmt.Errorf("process %d has no resident memory: %v", pid, err)
	}
	l.descriptors, err = descriptorsOf(pid)
	return l, err
}

// descriptorsOf counts a process's descriptors.
func descriptorsOf(pid int) (int, error) {
	folder, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	return len(names), err
}

// orphansOf counts the connections of a local address ("127.0.0.1:8001") that no
// process has any more, and for which the kernel still holds bytes to send.
func orphansOf(host string) (n int, err error) {
	address, err := netip.ParseAddrPort(host)
	if err != nil {
		return 0, err
	}
	ip := address.Addr().As4()
	local := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), address.Port())
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	const closedByUs = "04" // FIN_WAIT1: the FIN waits behind unsent bytes
	for line := range strings.Lines(string(table)) {
		// number, local address, remote address, state
		if fields := strings.Fields(line); len(fields) > 3 && fields[1] == local && fields[3] == closedByUs {
			n++
		}
	}
	return n, nil
}

func TestOrphansOf(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	// Both sockets are full once nothing more goes in for a while. The client's
	// could take all that is left, and the FIN with it, if there were less.
	for sent, taken := 0, 1; taken > 0; sent += taken {
		if sent > 64<<20 {
			t.Fatal("the sockets took 64 MiB that nobody reads")
		}
		server.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		taken, _ = server.Write(make([]byte, 64<<10))
	}
	server.Close()
	if n, err := orphansOf(listener.Addr().String()); n != 1 || err != nil {
		t.Errorf("%d orphans, %v, want 1", n, err)
	}
}

func TestLoadOf(t *testing.T) {
	before, err := loadOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// Fresh from the kernel: the heap may have as much to use again.
	memory, err := unix.Mmap(-1, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(memory)
	for i := range memory {
		memory[i] = 1
	}
	after, err := loadOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.descriptors != before.descriptors+1 || after.memory < before.memory+48<<20 {
		t.Errorf("one file and %d MiB more took %v to %v", len(memory)>>20, before, after)
	}
}
