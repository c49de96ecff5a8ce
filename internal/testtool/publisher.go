package testtool

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A Publisher is a raw connection to a daemon's publish port. It is for tests that send invalid
// input or check each reply.
type Publisher struct {
	Conn    net.Conn
	replies *bufio.Reader
}

// DialPublisher connects to a URL such as Daemon.Publish[0]. The connection is closed when the test
// ends.
func DialPublisher(t testing.TB, url string) *Publisher {
	t.Helper()
	Started(t, "a publisher")
	network, address, _ := strings.Cut(url, "://")
	conn, err := net.DialTimeout(network, address, Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &Publisher{Conn: conn, replies: bufio.NewReader(conn)}
}

// Send sends text unchanged.
func (p *Publisher) Send(t testing.TB, text string) {
	t.Helper()
	p.Conn.SetWriteDeadline(time.Now().Add(Patience))
	if _, err := io.WriteString(p.Conn, text); err != nil {
		t.Fatalf("a publisher cannot send: %v", err)
	}
}

// Reply returns the next reply line, without its line end.
func (p *Publisher) Reply(t testing.TB) string {
	t.Helper()
	line, err := p.ReadReply()
	if err != nil {
		t.Fatalf("a publisher got the reply %q: %v", line, err)
	}
	return line
}

// ReadReply is Reply for other goroutines than the test's, and for connections that may have been
// closed.
func (p *Publisher) ReadReply() (string, error) {
	p.Conn.SetReadDeadline(time.Now().Add(Patience))
	line, err := p.replies.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

// Ask sends one line and returns the reply.
func (p *Publisher) Ask(t testing.TB, line string) string {
	t.Helper()
	p.Send(t, line+"\n")
	return p.Reply(t)
}
