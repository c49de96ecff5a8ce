package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// hub is a small server that makes mistakes on request. The tests run the generator against it.
type hub struct {
	subscribe, publish net.Listener
	head               string
	// frame returns the bytes that a subscriber gets for one message. n counts messages from 0. If
	// frame is nil, the hub sends the frames of ssed.
	frame func(subscriber, n int, event, data string) string
	// reply returns the answer to a PUB line. If reply is nil, the hub answers OK and the number.
	reply func(sequence int) string

	mu       sync.Mutex
	subs     []sub
	sequence int
}

type sub struct {
	namespace string
	conn      net.Conn
}

const plainHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

func ssedFrame(event, data string) string { return "event:" + event + "\ndata:" + data + "\n\n" }

func chunk[T string | []byte](b T) string { return fmt.Sprintf("%x\r\n%s\r\n", len(b), b) }

// start runs the hub until the test ends.
func (h *hub) start(t *testing.T) *hub {
	t.Helper()
	if h.head == "" {
		h.head = plainHead
	}
	h.subscribe = testtool.Listen(t, h.subscriber)
	h.publish = testtool.Listen(t, h.publisher)
	return h
}

func (h *hub) subscriber(conn net.Conn) {
	r := bufio.NewReader(conn)
	var path string
	fmt.Fscanf(r, "GET /subscribe%s HTTP/1.1\r\n", &path)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = r.ReadString('\n'); err != nil {
			conn.Close()
			return
		}
	}
	h.mu.Lock()
	h.subs = append(h.subs, sub{path, conn})
	io.WriteString(conn, h.head)
	h.mu.Unlock()
	io.Copy(io.Discard, conn)
	conn.Close()
}

func (h *hub) publisher(conn net.Conn) {
	defer conn.Close()
	quiet := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		word := strings.SplitN(lines.Text(), " ", 4)
		if word[0] != "PUB" {
			quiet = lines.Text() == "QUIET on"
			io.WriteString(conn, "OK\n")
			continue
		}
		if len(word) < 4 {
			return // an incomplete line, because the client disconnected
		}
		reply := h.broadcast(word[1], word[2], word[3])
		if !quiet {
			io.WriteString(conn, reply)
		}
	}
}

func (h *hub) broadcast(namespace, event, data string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.sequence
	h.sequence++
	for i, s := range h.subs {
		switch {
		case h.frame != nil:
			io.WriteString(s.conn, h.frame(i, n, event, data))
		case s.namespace == namespace:
			io.WriteString(s.conn, ssedFrame(event, data))
		}
	}
	if h.reply != nil {
		return h.reply(h.sequence)
	}
	return fmt.Sprintf("OK %d\n", h.sequence)
}

// config returns a short run against the hub.
func (h *hub) config() Config {
	return Config{Subscribe: h.subscribe.Addr().String(), Publish: h.publish.Addr().String(), Topics: Split(5, 1), PayloadBytes: 40,
		InFlight: 8, Warm: millis(20), Measure: millis(80), Drain: millis(300)}
}

// forget drops the subscribers of an earlier run, which have disconnected.
func (h *hub) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subs = nil
}

// taken returns how many messages were published so far.
func (h *hub) taken() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sequence
}
