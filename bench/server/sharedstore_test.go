package server

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestDaemonsShareAStore verifies that a message published to one daemon reaches the subscribers of
// the other, and that both are measured as one.
func TestDaemonsShareAStore(t *testing.T) {
	testtool.Long(t, "it builds a NATS server and waits until three of them have elected a leader")
	for _, servers := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d NATS servers", servers), func(t *testing.T) { shareAStore(t, servers) })
	}
}

func shareAStore(t *testing.T, servers int) {
	dir, parent := t.TempDir(), t.TempDir()
	store, err := StartSharedStore(dir, parent, servers, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Stop()
	spec := known(t, "", "ssed")[0].WithSharedStore(store)
	first, err := Start(spec, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Stop()
	second, err := StartBeside(first, spec, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Stop()
	if members, err := group(first.PID); err != nil || len(members) != 2 {
		t.Errorf("measured as one: %v, %v", members, err)
	}
	heard := make(chan string, 1)
	conn := dialTo(t, second.Subscribe)
	fmt.Fprint(conn, "GET /subscribe/bench HTTP/1.1\r\nHost: bench\r\n\r\n")
	go func() { heard <- lineWith(conn, "Corgi") }()
	publisher := dialTo(t, first.Publish)
	testtool.WaitFor(t, "the message on the other daemon", func() bool {
		fmt.Fprint(publisher, "PUB /bench tick Corgi\n") // repeated, because the subscriber may connect later
		select {
		case said := <-heard:
			if said == "" {
				t.Fatal("the server closed the stream")
			}
			return true
		default:
			return false
		}
	})
	if work, err := store.Work(); err != nil || work <= 0 {
		t.Errorf("the NATS servers have worked for %v, %v", work, err)
	}
	second.Stop()
	first.Stop()
	store.Stop()
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// dialTo returns a connection that is closed when the test ends.
func dialTo(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// lineWith reads until a line contains a word and returns the line. It returns an empty string if
// the stream ends first.
func lineWith(conn net.Conn, word string) string {
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if strings.Contains(lines.Text(), word) {
			return lines.Text()
		}
	}
	return ""
}

// TestStartWaitsForTheStore verifies that a server with a store accepts subscribers when Start
// returns, and that its store is in the given folder.
func TestStartWaitsForTheStore(t *testing.T) {
	folder := t.TempDir()
	p, err := Start(known(t, "", "ssed")[0].WithStore(folder), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if taken, err := p.acceptsSubscribers(); !taken || err != nil {
		t.Errorf("a subscriber is accepted: %v, %v", taken, err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) == 0 {
		t.Errorf("the store is %v, %v", files, err)
	}
	if _, err := OnDisk(folder); err != nil {
		t.Error(err)
	}
	if _, err := OnDisk(folder + "/missing"); err == nil {
		t.Error("OnDisk succeeded for a folder that does not exist")
	}
}

// TestServerWithoutAStoreRejectsSubscribers verifies that a server that cannot reach its store
// rejects subscribers.
func TestServerWithoutAStoreRejectsSubscribers(t *testing.T) {
	spec := known(t, "", "ssed")[0].With("--nats=nats://127.0.0.1:1")
	p, err := Start(spec, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if taken, err := p.acceptsSubscribers(); taken || err != nil {
		t.Errorf("a subscriber is accepted: %v, %v", taken, err)
	}
	p.Stop()
	if err := p.waitForStore(); err == nil {
		t.Error("waitForStore succeeded after the server had exited")
	}
}
