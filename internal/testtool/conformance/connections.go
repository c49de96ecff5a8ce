package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func runConnections(t *testing.T, s Server) {
	t.Run("100,000 pipelined, then half a close", s.testHalfClose)
	t.Run("many publishers together", s.testManyPublishers)
	t.Run("a publisher that disconnects", s.testLeaving)
}

// testHalfClose sends 100,000 commands and half closes before it reads the first reply. A server
// may stop reading from a publisher that does not read its replies. In that case it reads earlier.
func (s Server) testHalfClose(t *testing.T) {
	const count = 100_000
	base, conn := s.base(t, ""), s.dial(t)
	mayRead, written := make(chan struct{}), make(chan error, 1)
	go func() { written <- flood(conn, count, sync.OnceFunc(func() { close(mayRead) })) }()
	<-mayRead
	replies := bufio.NewScanner(conn)
	for i := range count {
		want := fmt.Sprintf("OK %d", base+uint64(i)+1)
		if !replies.Scan() || replies.Text() != want {
			t.Fatalf("reply %d of %d is %q (%v), want %q", i+1, count, replies.Text(), replies.Err(), want)
		}
	}
	if replies.Scan() {
		t.Errorf("unexpected reply at the end: %q", replies.Text())
	}
	if err := replies.Err(); err != nil {
		t.Errorf("the connection was not closed normally: %v", err)
	}
	if err := <-written; err != nil {
		t.Errorf("sending: %v", err)
	}
}

// flood sends count commands and half closes the connection. It calls stuck when it has sent
// everything, or when a write has timed out.
func flood(conn net.Conn, count int, stuck func()) error {
	defer stuck()
	rest := []byte(strings.Repeat("PUB /flood - x\n", count))
	for len(rest) > 0 {
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := conn.Write(rest)
		rest = rest[n:]
		if errors.Is(err, os.ErrDeadlineExceeded) {
			stuck()
			err = nil
			if n == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		if err != nil {
			return err
		}
	}
	return conn.(interface{ CloseWrite() error }).CloseWrite()
}

// testManyPublishers verifies that 8 publishers get every sequence once, and that the sequences of
// each publisher rise.
func (s Server) testManyPublishers(t *testing.T) {
	const publishers, each = 8, 1000
	base := s.base(t, "")
	sequences := make([][]uint64, publishers)
	var all sync.WaitGroup
	for i := range publishers {
		conn := s.dial(t)
		all.Go(func() { sequences[i] = publishOneByOne(conn, each) })
	}
	all.Wait()
	seen := map[uint64]bool{}
	for i, own := range sequences {
		last := base
		for _, sequence := range own {
			if sequence <= last || sequence > base+publishers*each || seen[sequence] {
				t.Fatalf("publisher %d got sequence %d after %d", i, sequence, last)
			}
			last, seen[sequence] = sequence, true
		}
	}
	if len(seen) != publishers*each {
		t.Errorf("%d sequences, want %d", len(seen), publishers*each)
	}
}

// publishOneByOne publishes count messages and waits for each reply. It returns the sequences.
func publishOneByOne(conn net.Conn, count int) (sequences []uint64) {
	replies := bufio.NewReader(conn)
	for range count {
		if _, err := io.WriteString(conn, "PUB /many - x\n"); err != nil {
			return sequences
		}
		var sequence uint64
		if _, err := fmt.Fscanf(replies, "OK %d\n", &sequence); err != nil {
			return sequences
		}
		sequences = append(sequences, sequence)
	}
	return sequences
}

// testLeaving closes connections in the middle of commands, and verifies that nothing is published.
func (s Server) testLeaving(t *testing.T) {
	base := s.base(t, "")
	for _, half := range []string{"", "PU", "PUB / - x", "PUBN / - 100\nabc", "PUBN / - 3\nabc\r"} {
		conn := s.dial(t)
		if _, err := io.WriteString(conn, "PING\n"+half); err != nil {
			t.Fatalf("sending: %v", err)
		}
		pong := make([]byte, len("PONG\n"))
		if _, err := io.ReadFull(conn, pong); err != nil || string(pong) != "PONG\n" {
			t.Fatalf("the reply is %q, %v", pong, err)
		}
		conn.Close()
	}
	if got := s.base(t, ""); got != base+1 {
		t.Errorf("half a command was published: the sequence is %d, want %d", got, base+1)
	}
}
