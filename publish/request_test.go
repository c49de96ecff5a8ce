package publish

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/ssed/ssed/sse"
)

func TestClientKey(t *testing.T) {
	sink := &locked{}
	client := dial(t, serve(t, &open, sink))
	messages := []struct {
		key, data string
		sequence  uint64
	}{
		{"a", "first", 1},
		{"", "without", 2},
		{"b", "two\nlines", 3},
		{"a", "first again", 1},
		{"", "without", 4},
		{"b", "again", 3},
	}
	for i, m := range messages {
		sequence, err := client.Publish(t.Context(), sse.Message{Namespace: "/", Key: m.key, Data: []byte(m.data)})
		if sequence != m.sequence || err != nil {
			t.Errorf("message %d: %d, %v", i, sequence, err)
		}
	}
	want := `["/||first by a" "/||without" "/||two\nlines by b" "/||without"]`
	if got := fmt.Sprintf("%q", sink.sink.got); got != want {
		t.Errorf("published %s, want %s", got, want)
	}
	_, err := client.Publish(t.Context(), sse.Message{Namespace: "/full", Key: "c"})
	var refused *ReplyError
	if !errors.As(err, &refused) || refused.Code != CodeBusy {
		t.Errorf("a message that is refused: %v", err)
	}
}

// TestClientKeyIsRefused sends messages with and without a key, from many callers, to a server that
// does not support keys. It checks that no message with a key is published.
func TestClientKeyIsRefused(t *testing.T) {
	const callers, each = 20, 100
	sink := &locked{}
	client := dial(t, serve(t, &open, struct{ Sink }{sink}))
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := range each {
				m := sse.Message{Namespace: "/", Data: []byte("without")}
				if i%2 == 0 {
					m.Key, m.Data = "a", []byte("with")
				}
				err := client.PublishAsync(t.Context(), m, func(sequence uint64, err error) {
					refused := err != nil && strings.Contains(err.Error(), "syntax: KEY is not supported")
					if refused != (m.Key != "") || refused == (sequence > 0) {
						t.Errorf("a message with the key %q: %d, %v", m.Key, sequence, err)
					}
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := client.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, got := range sink.sink.got {
		if got != "/||without" {
			t.Errorf("published %q", got)
		}
	}
	if n := len(sink.sink.got); n != callers*each/2 {
		t.Errorf("%d messages were published", n)
	}
}

// TestClientLosesTheSecondReply checks Publish with a key when the connection ends after the reply
// to KEY and before the reply to PUB.
func TestClientLosesTheSecondReply(t *testing.T) {
	url := serveConns(t, func(conn net.Conn) {
		lines := bufio.NewScanner(conn)
		for _, reply := range []string{"PONG", "OK"} {
			lines.Scan()
			fmt.Fprintln(conn, reply)
		}
		lines.Scan()
	})
	client := dial(t, url)
	_, err := client.Publish(t.Context(), sse.Message{Namespace: "/", Key: "a"})
	if err == nil || !strings.Contains(err.Error(), "connection to the server lost") {
		t.Errorf("Publish: %v", err)
	}
}
