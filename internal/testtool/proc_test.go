package testtool

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSocketsIn verifies that a closed socket with unsent bytes is counted.
func TestSocketsIn(t *testing.T) {
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
	// Write until both sockets are full: until a write times out. Otherwise the client's socket
	// might accept the rest, and the FIN with it.
	for sent, taken := 0, 1; taken > 0; sent += taken {
		if sent > 64<<20 {
			t.Fatal("the sockets accepted 64 MiB that are not read")
		}
		server.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		taken, _ = server.Write(make([]byte, 64<<10))
	}
	server.Close()
	if n, err := SocketsIn(FinWait1, listener.Addr().String()); n != 1 || err != nil {
		t.Errorf("%d closed sockets, %v, want 1", n, err)
	}
}

// TestLoadOf verifies that the load rises with an open file and with memory.
func TestLoadOf(t *testing.T) {
	before, err := LoadOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// Map new memory, because the heap may have enough free memory to reuse.
	memory, err := unix.Mmap(-1, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(memory)
	for i := range memory {
		memory[i] = 1
	}
	after, err := LoadOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.Descriptors != before.Descriptors+1 || after.Memory < before.Memory+48<<20 {
		t.Errorf("with one more file and %d MiB more, the load changed from %v to %v", len(memory)>>20, before, after)
	}
}
