package restarts

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// own is a loopback address that nobody else uses. While no daemon runs, another
// process could be given the port on 127.0.0.1.
const own = "127.0.91.1:0"

// bothLoops runs a test with publishers on the subscribers' loop, and on their own.
func bothLoops(t *testing.T, test func(t *testing.T, flag string)) {
	for _, where := range []string{"shared", "own"} {
		t.Run(where, func(t *testing.T) { test(t, "--publish-loop="+where) })
	}
}

// address is the host:port, or the path, of a URL.
func address(url string) string {
	_, address, _ := strings.Cut(url, "://")
	return address
}

// A stream is a subscriber's raw connection, whose end is in the test's hands.
type stream struct {
	net.Conn
	body *bufio.Reader
}

// subscribe opens a stream of namespace /news, and returns once it is subscribed.
func subscribe(t *testing.T, network, address string) stream {
	t.Helper()
	conn, err := net.DialTimeout(network, address, testtool.Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testtool.Patience))
	fmt.Fprint(conn, "GET /subscribe/news HTTP/1.1\r\nHost: localhost\r\n\r\n")
	body := bufio.NewReader(conn)
	if head, err := http.ReadResponse(body, nil); err != nil || head.StatusCode != http.StatusOK {
		t.Fatalf("subscribing at %s: %v, %v", address, head, err)
	}
	return stream{conn, body}
}

// wantFrame wants the stream to go on with a message's frame.
func (s stream) wantFrame(t *testing.T, data string) {
	t.Helper()
	s.SetDeadline(time.Now().Add(testtool.Patience))
	want := "data:" + data + "\n\n"
	got := make([]byte, len(want))
	if n, err := io.ReadFull(s.body, got); err != nil || string(got) != want {
		t.Fatalf("the stream goes on with %q, %v, want %q", got[:n], err, want)
	}
}

// publish publishes a message on /news and wants it to be accepted.
func publish(t *testing.T, url, data string) {
	t.Helper()
	if got := testtool.DialPublisher(t, url).Ask(t, "PUB /news - "+data); !strings.HasPrefix(got, "OK ") {
		t.Errorf("publishing %q at %s: %q", data, url, got)
	}
}
