package publishers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// closingLines is how many lines a publisher sends before it closes the connection. They are some
// megabytes, more than the daemon can have read when the last of them is sent.
const closingLines = 150_000

// TestSafeClosesLoseNothing sends many pipelined lines and then closes the TCP connection in each
// way that docs/line-protocol.txt calls safe. It verifies that the daemon publishes every line. If
// a publisher closes with unread replies, the kernel decides how many lines arrive. The test logs
// that number, to show that there are enough lines for a loss.
func TestSafeClosesLoseNothing(t *testing.T) {
	testtool.Long(t, "many publishers close one after the other")
	for _, way := range []struct {
		name  string
		close func(conn *net.TCPConn, lines string) (replies int, err error)
		safe  bool
	}{
		{"with unread replies", closeAtOnce, false},
		{"after reading every reply", readEveryReply, true},
		{"half, and reading to the end", closeHalf, true},
		{"after QUIET on and PING", func(conn *net.TCPConn, lines string) (int, error) {
			return closeQuietly(conn, lines, "PING", "PONG")
		}, true},
		{"after QUIET on and QUIT", func(conn *net.TCPConn, lines string) (int, error) {
			return closeQuietly(conn, lines, "QUIT", "OK")
		}, true},
	} {
		t.Run(way.name, func(t *testing.T) {
			testtool.BothLoops(t, func(t *testing.T, flag string) {
				d := testtool.Start(t, flag)
				conn, err := net.Dial("tcp", strings.TrimPrefix(d.Publish[0], "tcp://"))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(2 * testtool.Patience))
				var lines strings.Builder
				for i := range closingLines {
					fmt.Fprintf(&lines, "PUB /closing - line %d\n", i)
				}
				replies, err := way.close(conn.(*net.TCPConn), lines.String())
				conn.Close()
				published := settled(t, d)
				t.Logf("%d of %d lines were published", published, closingLines)
				if published > closingLines {
					t.Errorf("%d lines were published, more than were sent", published)
				}
				if way.safe && (err != nil || published != closingLines || replies != closingLines && replies >= 0) {
					t.Errorf("error %v; %d lines were published and %d answered, want all of %d", err, published, replies, closingLines)
				}
			})
		})
	}
}

// settled waits until no more lines are published, and returns how many were.
func settled(t *testing.T, d *testtool.Daemon) (published int) {
	t.Helper()
	p := testtool.DialPublisher(t, d.Publish[0])
	asked := 0
	testtool.WaitFor(t, "the daemon to have read everything", func() bool {
		before := published
		time.Sleep(50 * time.Millisecond)
		published = publishOn(t, p, "x") - 1 - asked
		asked++
		return published == before
	})
	return published
}

func closeAtOnce(conn *net.TCPConn, lines string) (int, error) {
	if _, err := io.WriteString(conn, lines); err != nil {
		return -1, err
	}
	return -1, conn.Close()
}

func readEveryReply(conn *net.TCPConn, lines string) (replies int, err error) {
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, lines)
		written <- err
	}()
	for in := bufio.NewScanner(conn); replies < closingLines && in.Scan() && strings.HasPrefix(in.Text(), "OK "); {
		replies++
	}
	return replies, <-written
}

func closeHalf(conn *net.TCPConn, lines string) (replies int, err error) {
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, lines)
		conn.CloseWrite()
		written <- err
	}()
	in := bufio.NewScanner(conn)
	for in.Scan() && strings.HasPrefix(in.Text(), "OK ") {
		replies++
	}
	if err := <-written; err != nil {
		return replies, err
	}
	return replies, in.Err()
}

// closeQuietly reads only the replies to QUIET and to the last command.
func closeQuietly(conn *net.TCPConn, lines, last, want string) (int, error) {
	if _, err := io.WriteString(conn, "QUIET on\n"+lines+last+"\n"); err != nil {
		return -1, err
	}
	in := bufio.NewReader(conn)
	for _, want := range []string{"OK\n", want + "\n"} {
		if got, err := in.ReadString('\n'); got != want || err != nil {
			return -1, fmt.Errorf("the reply is %q, want %q: %w", got, want, err)
		}
	}
	return -1, nil
}
