package testtool

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestStreamCutsBlocks verifies that Block finds the blocks of a stream that arrives in two pieces,
// and that it distinguishes an end between blocks from an end within a frame.
func TestStreamCutsBlocks(t *testing.T) {
	long := "data:" + strings.Repeat("x", 3*readAhead) + "\n\n"
	for _, tt := range []struct {
		name, body string
		blocks     []string
		ends       bool // between two blocks
	}{
		{"frames and comments", ":hello\ndata:a\n\nevent:e\ndata:b\n\n:bye\n", []string{":hello\n", "data:a\n\n", "event:e\ndata:b\n\n", ":bye\n"}, true},
		{"longer than the buffer", long + long, []string{long, long}, true},
		{"nothing", "", nil, true},
		{"the end of a line", "data:a\n\ndata:b\n", []string{"data:a\n\n"}, false},
		{"within a line", "data:a", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := Listen(t, func(conn net.Conn) {
				defer conn.Close()
				io.ReadAtLeast(conn, make([]byte, 1024), len("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"+tt.body[:len(tt.body)/2])
				time.Sleep(time.Millisecond)
				fmt.Fprint(conn, tt.body[len(tt.body)/2:])
			})
			s := OpenStream(t, "http://"+l.Addr().String(), "/")
			for _, want := range tt.blocks {
				if got, err := s.Block(); string(got) != want || err != nil {
					t.Fatalf("got %.100q, %v, want %.100q", got, err, want)
				}
			}
			if got, err := s.Block(); got != nil || !errors.Is(err, io.EOF) || tt.ends != (err == io.EOF) {
				t.Errorf("at the end: %q, %v", got, err)
			}
		})
	}
}
