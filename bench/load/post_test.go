package load

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// postHub is a hub that accepts messages by HTTP POST. It uses net/http, so streams are chunked.
type postHub struct {
	mu     sync.Mutex
	subs   map[chan string]string // their namespaces
	posted int
	fault  func(n int, w http.ResponseWriter) bool // if it returns true, it has answered message n instead of the hub
}

func (h *postHub) start(t *testing.T) Config {
	h.subs = map[chan string]string{}
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	address := s.Listener.Addr().String()
	return Config{Subscribe: address, Publish: address, PostTo: "/publish", Topics: Split(6, 2), PayloadBytes: 40,
		InFlight: 8, Warm: millis(20), Measure: millis(80), Drain: millis(500)}
}

func (h *postHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if namespace, ok := strings.CutPrefix(r.URL.Path, "/subscribe"); ok {
		h.subscribe(w, r, namespace)
		return
	}
	data, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.posted++
	if h.fault != nil && h.fault(h.posted-1, w) {
		return
	}
	for s, namespace := range h.subs {
		if "/publish"+namespace == r.URL.Path {
			s <- "data: " + string(data) + "\n\n"
		}
	}
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "messages: %d\r\n", h.posted)
}

func (h *postHub) subscribe(w http.ResponseWriter, r *http.Request, namespace string) {
	s := make(chan string, 100)
	h.mu.Lock()
	h.subs[s] = namespace
	h.mu.Unlock()
	w.WriteHeader(http.StatusOK)
	for {
		w.(http.Flusher).Flush()
		select {
		case frame := <-s:
			io.WriteString(w, frame)
		case <-r.Context().Done():
			h.mu.Lock()
			delete(h.subs, s)
			h.mu.Unlock()
			return
		}
	}
}

// TestPublishByPost verifies that a generator and a crowd can publish by HTTP POST.
func TestPublishByPost(t *testing.T) {
	h := &postHub{}
	config := h.start(t)
	result, g, err := play(t, config)
	if err != nil || result.Deliveries == 0 || g.deliveries != 3*g.published || h.posted != int(g.published) {
		t.Fatalf("%d published, %d posted, %d delivered to 3 of 6 each: %v", g.published, h.posted, g.deliveries, err)
	}
	crowd, err := NewCrowd(CrowdConfig{Subscribe: config.Subscribe, Publish: config.Publish, PostTo: config.PostTo, Steady: 3, Sipping: 1,
		Subscriptions: [][]string{{"/a"}}, Namespaces: []string{"/a", "/b"}, PayloadBytes: 40, Publishers: 1, InFlight: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer crowd.Close()
	if err = crowd.Connect(5 * time.Second); err == nil {
		err = crowd.Run(millis(100), time.Second, func() error { return nil })
	}
	if err == nil {
		err = crowd.Drain(5 * time.Second)
	}
	if err != nil || crowd.Counts.Heard < 3*4 {
		t.Fatalf("%+v, %v", crowd.Counts, err)
	}
}

// TestFloodOfPosts verifies that a flood by HTTP POST counts exactly the accepted messages.
func TestFloodOfPosts(t *testing.T) {
	h := &postHub{}
	config := h.start(t)
	result, err := Flood(FloodConfig{Publish: config.Publish, PostTo: config.PostTo, PayloadBytes: 64, Measure: millis(50), Drain: 5 * time.Second})
	if err != nil || result.Lines == 0 || h.posted != int(result.Lines) {
		t.Fatalf("%+v, %d posted, %v", result, h.posted, err)
	}
}

// TestBadResponsesFailTheRun verifies that a run fails when a response to a POST is wrong.
func TestBadResponsesFailTheRun(t *testing.T) {
	for name, fault := range map[string]func(n int, w http.ResponseWriter) bool{
		"refused": func(n int, w http.ResponseWriter) bool {
			if n == 20 {
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return n == 20
		},
		"accepted but not delivered": func(n int, w http.ResponseWriter) bool {
			if n == 20 {
				w.WriteHeader(http.StatusCreated)
			}
			return n == 20
		},
		"without a length": func(n int, w http.ResponseWriter) bool {
			if n == 20 {
				w.(http.Flusher).Flush()
			}
			return n == 20
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &postHub{fault: fault}
			if _, _, err := play(t, h.start(t)); err == nil {
				t.Fatal("the run succeeded")
			}
		})
	}
}

// TestResponsesAgainstModel splits a stream of responses at random places and checks the heads.
func TestResponsesAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	for range 500 {
		var stream string
		var want []string
		for i := range 1 + random.IntN(10) {
			head := fmt.Sprintf("HTTP/1.1 20%d x\r\nserver: y", i%3)
			body := strings.Repeat("\r\n\r\n", random.IntN(3))
			if n := random.IntN(3); n > 0 {
				head += fmt.Sprintf("\r\n%s: %d", []string{"content-length", "Content-Length"}[n-1], len(body))
			} else {
				head, body = "HTTP/1.1 204 none", ""
			}
			stream += head + "\r\n\r\n" + body
			want = append(want, head)
		}
		var got []string
		var r responses
		for left := []byte(stream); len(left) > 0; {
			n := 1 + random.IntN(min(len(left), 60))
			if err := r.feed(left[:n:n], func(head []byte) error { got = append(got, string(head)); return nil }); err != nil {
				t.Fatal(err)
			}
			left = left[n:]
		}
		if !slices.Equal(got, want) || r.body != 0 || len(r.head) != 0 {
			t.Fatalf("%q was parsed as %q", stream, got)
		}
	}
	for _, bad := range []string{"HTTP/1.1 200 x\r\n\r\n", "HTTP/1.1 200 x\r\nContent-Length: -1\r\n\r\n", strings.Repeat("x", 9000)} {
		var r responses
		if err := r.feed([]byte(bad), func([]byte) error { return nil }); err == nil {
			t.Errorf("%.40q was accepted", bad)
		}
	}
}
