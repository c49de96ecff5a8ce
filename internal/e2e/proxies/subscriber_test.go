package proxies

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// quiet is a heartbeat that no test lives to see.
const quiet = "--heartbeat=10m"

// A subscriber reads one event stream through a proxy.
type subscriber struct {
	conn *net.TCPConn
	head *http.Response
	body *bufio.Reader
}

// subscribe asks for a path from a source address, and returns once the answer's
// head is there.
func (f front) subscribe(t *testing.T, source, path string, headers ...string) *subscriber {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: testtool.Patience}
	conn, err := dialer.Dial("tcp", f.listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testtool.Patience))
	fields := append([]string{"GET " + path + " HTTP/1.1", "Host: events.example"}, headers...)
	fmt.Fprintf(conn, "%s\r\n\r\n", strings.Join(fields, "\r\n"))
	stream := bufio.NewReader(conn)
	head, err := http.ReadResponse(stream, nil)
	if err != nil {
		t.Fatalf("GET %s: no answer: %v", path, err)
	}
	return &subscriber{conn.(*net.TCPConn), head, bufio.NewReader(head.Body)}
}

// wantStream wants a head that an EventSource takes.
func (s *subscriber) wantStream(t *testing.T) *subscriber {
	t.Helper()
	if s.head.StatusCode != 200 || s.head.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Fatalf("got %s, %v", s.head.Status, s.head.Header)
	}
	return s
}

// line reads the next line, with what ends it, or what ended the stream.
func (s *subscriber) line() (string, error) {
	s.conn.SetDeadline(time.Now().Add(testtool.Patience))
	return s.body.ReadString('\n')
}

// frame reads the next frame, with the empty line that ends it, and leaves
// heartbeats out.
func (s *subscriber) frame() (frame string, err error) {
	for !strings.HasSuffix(frame, "\n\n") {
		line, err := s.line()
		if err != nil {
			return frame, fmt.Errorf("after %d bytes of a frame: %w", len(frame), err)
		}
		if line != sse.Keepalive {
			frame += line
		}
	}
	return frame, nil
}

// wantFrame wants the next frame to be this one.
func (s *subscriber) wantFrame(t *testing.T, want string) {
	t.Helper()
	if got, err := s.frame(); err != nil || got != want {
		t.Fatalf("got %.100q (%d bytes), %v, want %.100q (%d bytes)", got, len(got), err, want, len(want))
	}
}

// publisher connects to the daemon, where there is no proxy.
func (f front) publisher(t *testing.T) (say func(namespace, event, data string)) {
	t.Helper()
	client, err := publish.Dial(t.Context(), f.daemon.Publish[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return func(namespace, event, data string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
		defer cancel()
		if _, err := client.Publish(ctx, sse.Message{Namespace: namespace, Event: event, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
}

// logged counts the daemon's log lines with this message and these words in them.
func (f front) logged(message string, words ...string) (n int) {
next:
	for line := range strings.Lines(f.daemon.Log()) {
		line = strings.ReplaceAll(line, "\n", " ") // so that a last value ends as the others do
		if !strings.Contains(line, " msg="+message+" ") {
			continue
		}
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		n++
	}
	return n
}
