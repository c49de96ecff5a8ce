package clients

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// tabsPerEngine is how many tabs of a browser share the places to cut. Several tabs save time,
// because a browser waits before it reconnects: Firefox for at least half a second.
const tabsPerEngine = 6

// TestEventSourceCutAtEachByte verifies that an EventSource misses nothing, wherever in a frame its
// stream is cut: it reconnects and asks for every message that it has not received completely. The
// streams are cut after each byte from the end of the head to the end of the second frame.
func TestEventSourceCutAtEachByte(t *testing.T) {
	t.Parallel()
	for _, b := range browsers {
		t.Run(b.engine, func(t *testing.T) {
			t.Parallel()
			b.need(t)
			d := startQuiet(t, quickRetry, history)
			var tabs []*watcher
			var proxies []*testtool.Proxy
			for range tabsPerEngine {
				proxy := testtool.StartProxy(t, quickRetryServer(t))
				w := b.in("page.html")(t, proxy.URL+"/subscribe/pets", dog(0).Event)
				w.wait(t, "error", 1)
				proxy.To(d.Subscribe[0])
				tabs, proxies = append(tabs, w), append(proxies, proxy)
			}
			testtool.WaitFor(t, "all tabs to subscribe", func() bool { return len(streams(t, d)) == tabsPerEngine })
			sent := []Message{dog(0)}
			Publish(t, d.Publish[0], "/pets", sent...)
			for _, w := range tabs {
				w.wantEvents(t, sent...)
			}
			for _, proxy := range proxies {
				proxy.To("")
				proxy.Cut()
			}
			for i := range 150 {
				sent = append(sent, dog(i+1))
			}
			Publish(t, d.Publish[0], "/pets", sent[1:]...)
			head, end := record(t, d, 2)
			for i, proxy := range proxies {
				next := head + i - tabsPerEngine
				proxy.Limit(func() int64 {
					if next += tabsPerEngine; next <= end {
						return int64(next)
					}
					return 0
				})
				proxy.To(d.Subscribe[0])
			}
			for i, w := range tabs {
				// One error was before the first stream, one when the proxy cut the connection.
				ends := 2 + (end-head-i)/tabsPerEngine + 1
				for n := range ends {
					w.wait(t, "error", n+1) // each with its own timeout
				}
				w.wantEvents(t, sent...)
			}
		})
	}
}

// dog returns a message whose event, data and description contain multi-byte characters. All of its
// frames have the same length.
func dog(i int) Message {
	return Message{Event: "собака", Data: fmt.Sprintf("№ %04d 🐕\nsecond line", i), About: fmt.Sprint("dog ", i)}
}

// record reads the stream that a browser gets when it reconnects after the first message. It
// returns the offset of the end of the head, and of the end of the n-th frame.
func record(t *testing.T, d *testtool.Daemon, n int) (head, end int) {
	t.Helper()
	first := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets?last=1000").Frame(t)
	id, _, _ := strings.Cut(strings.TrimPrefix(first, "id:"), "\n")
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.Subscribe[0], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testtool.Patience))
	fmt.Fprintf(conn, "GET /subscribe/pets HTTP/1.1\r\nHost: x\r\nOrigin: http://127.0.0.1\r\nAccept: text/event-stream\r\nLast-Event-ID: %s\r\n\r\n", id)
	lines, last := bufio.NewReader(conn), ""
	for n > 0 {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		end += len(line)
		if line == "\r\n" {
			head = end
		}
		if line == "\n" && strings.HasPrefix(last, "data:") {
			n--
		}
		last = line
	}
	return head, end
}
