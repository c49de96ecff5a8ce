package peer

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A recorder is a hub that records all messages, and rejects messages for the namespace /full.
type recorder struct {
	mu        sync.Mutex
	published []string
}

func (r *recorder) Subscribe(w http.ResponseWriter, _ *http.Request, namespace string) {
	io.WriteString(w, namespace)
}

func (r *recorder) Publish(namespace, event, data []byte) error {
	if string(namespace) == "/full" {
		return errors.New("it is full")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.published = append(r.published, string(namespace)+" "+string(event)+" "+string(data))
	return nil
}

// TestLinesReachTheHub checks the replies to lines, and the messages that reach the hub.
func TestLinesReachTheHub(t *testing.T) {
	tests := []struct {
		name, in, replies string
		published         []string
	}{
		{"one", "PUB /a tick one\n", "OK 1\n", []string{"/a tick one"}},
		{"no event, no data", "PUB /a - \n", "OK 1\n", []string{"/a  "}},
		{"two lines of data", "PUBN /a tick 3\nx\ny\nPING\n", "OK 1\nPONG\n", []string{"/a tick x\ny"}},
		{"quiet", "QUIET on\nPUB /a - x\nQUIET off\nPUB /a - y\n", "OK\nOK\nOK 2\n", []string{"/a  x", "/a  y"}},
		{"refused", "PUB /full - x\nPUB /a - y\n", "ERR busy it is full\nOK 1\n", []string{"/a  y"}},
		{"no command", "HELLO\n", "ERR syntax ", nil},
		{"end", "PUB /a - x\nQUIT\nPUB /a - y\n", "OK 1\nOK\n", []string{"/a  x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hub := &recorder{}
			all := &lines{hub: hub}
			listener := testtool.Listen(t, func(conn net.Conn) { all.serve(conn) })
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, tt.in)
			got := make([]byte, len(tt.replies))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != tt.replies {
				t.Errorf("replies %q, %v, want %q", got, err, tt.replies)
			}
			hub.mu.Lock()
			defer hub.mu.Unlock()
			if !slices.Equal(hub.published, tt.published) {
				t.Errorf("published %q, want %q", hub.published, tt.published)
			}
		})
	}
}

// TestPublishersShareOneSequence verifies that sequence numbers count the messages of all
// publishers.
func TestPublishersShareOneSequence(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go serveLines(listener, &recorder{})
	url := "tcp://" + listener.Addr().String()
	for _, want := range []string{"OK 1", "OK 2", "OK 3"} {
		if got := testtool.DialPublisher(t, url).Ask(t, "PUB /a - x"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestSubscriptionsNameTheirNamespace checks the paths and methods of requests to subscribe.
func TestSubscriptionsNameTheirNamespace(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/subscribe/pets/dogs", 200, "/pets/dogs"},
		{"GET", "/subscribe/", 200, "/"},
		{"GET", "/subscribe", 404, ""},
		{"GET", "/subscribers", 404, ""},
		{"GET", "/", 404, ""},
		{"POST", "/subscribe/pets", 405, ""},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		subscriptions(&recorder{}).ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status || !strings.HasPrefix(w.Body.String(), tt.body) {
			t.Errorf("%s %s: %d %q", tt.method, tt.path, w.Code, w.Body)
		}
	}
}

// TestDescribe checks the line that -version prints.
func TestDescribe(t *testing.T) {
	if got := Describe("x", "v1", []string{"a: b", "c: d"}); got != "x v1; a: b; c: d" {
		t.Errorf("got %q", got)
	}
	if got := Version("example.org/none"); !strings.HasPrefix(got, "(unknown) (example.org/none, go1.") {
		t.Errorf("got %q", got)
	}
}
