package doctor

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

func TestMain(m *testing.M) { os.Exit(testtool.RunWaiting(m)) }

// A server simulates the effects of a proxy on a stream.
type server struct {
	lateHead     time.Duration
	status       int
	media        string
	holds        bool // published events are never forwarded
	compresses   bool
	lets         bool // the compressor flushes after each event
	lives        time.Duration
	first        string // the beginning of the body
	allow        []string
	mu           sync.Mutex
	heard        []chan string
	sawToken     bool
	refusesGzip  bool
	publishError error
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	events := make(chan string, 1)
	s.mu.Lock()
	s.heard = append(s.heard, events)
	s.sawToken = s.sawToken || r.Header.Get("X-Authorization") == "sesame"
	s.mu.Unlock()
	takesGzip := r.Header.Get("Accept-Encoding") == "gzip"
	if s.refusesGzip && takesGzip {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	w.Header().Set("Content-Type", s.media)
	w.Header()["Access-Control-Allow-Origin"] = s.allow
	select {
	case <-time.After(s.lateHead):
	case <-r.Context().Done():
		return
	}
	if s.compresses && takesGzip {
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.WriteHeader(s.status)
	fmt.Fprint(w, s.first)
	w.(http.Flusher).Flush()
	var ends <-chan time.Time
	if s.lives > 0 {
		ends = time.After(s.lives)
	}
	for {
		select {
		case <-ends:
			return
		case <-r.Context().Done():
			return
		case data := <-events:
			s.send(w, "data:"+data+"\n\n", s.compresses && takesGzip)
		}
	}
}

// send sends one event, or holds it back.
func (s *server) send(w http.ResponseWriter, text string, packed bool) {
	switch {
	case s.holds, packed && !s.lets:
		return
	case packed:
		compressor := gzip.NewWriter(w)
		compressor.Write([]byte(text))
		compressor.Flush()
	default:
		fmt.Fprint(w, text)
	}
	w.(http.Flusher).Flush()
}

func (s *server) publish(_ context.Context, data string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, events := range s.heard {
		events <- data
	}
	return s.publishError
}

// setDefaults sets unset fields so that the server answers like ssed.
func (s *server) setDefaults() {
	s.status = cmp.Or(s.status, http.StatusOK)
	s.media = cmp.Or(s.media, "text/event-stream")
	if s.allow == nil {
		s.allow = []string{"https://example.org"}
	}
}

func TestExamine(t *testing.T) {
	tests := []struct {
		name    string
		does    server
		publish bool
		bad     string
		says    string
	}{
		{"no problem", server{}, true, "", "the published event was received after "},
		{"late head", server{lateHead: headMax + 100*time.Millisecond}, true, "head", "; ssed sends it immediately"},
		{"no head", server{lateHead: time.Hour}, true, "head", "not received within "},
		{"held back", server{holds: true}, true, "events", "the published event was not received"},
		{"nothing", server{}, false, "", "events: not checked: --idle (1s) is shorter than ssed's heartbeat (15s by default); use --idle 60s or --publish"},
		{"a heartbeat", server{first: sse.Keepalive}, false, "", "no heartbeats arrived together"},
		{"two heartbeats together", server{first: sse.Keepalive + sse.Keepalive}, false, "events", "2 heartbeats arrived together"},
		{"compressed", server{compresses: true, lets: true}, true, "", "compressed (gzip); the published event was received after "},
		{"compressed and held back", server{compresses: true}, true, "compression", "compressed (gzip); the published event was not received"},
		{"no gzip", server{refusesGzip: true}, true, "compression", "gets no stream"},
		{"it ends", server{lives: 500 * time.Millisecond}, true, "idle", "the stream ended after "},
		{"another origin", server{allow: []string{"https://other.example"}}, true, "cors", "pages of https://example.org may not read the stream"},
		{"no origin", server{allow: []string{}}, true, "cors", `is ""`},
		{"two origins", server{allow: []string{"*", "*"}}, true, "cors", "2 Access-Control-Allow-Origin headers"},
		{"a refusal", server{status: 502}, true, "answer", "502 Bad Gateway"},
		{"a page", server{media: "text/html"}, true, "answer", `"text/html"`},
		{"a heartbeat after a retry line", server{first: "retry:2000\n" + sse.Keepalive}, false, "", "no heartbeats arrived together"},
		{"only a retry line", server{first: "retry:2000\n"}, false, "", "not checked: --idle (1s)"},
		{"a retry line and two heartbeats together", server{first: "retry:2000\n" + sse.Keepalive + sse.Keepalive}, false, "events", "2 heartbeats arrived together"},
		{"no daemon behind the proxy", server{first: "retry:2000\n\n", lives: time.Millisecond}, false, "answer", "no daemon behind the proxy"},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			if tt.does.lateHead > headMax+time.Second {
				testtool.Long(t, "the doctor waits for its maximum time")
			}
			t.Parallel()
			s := &tt.does
			s.setDefaults()
			listening := httptest.NewServer(s)
			defer listening.Close()
			o := Options{URL: listening.URL, Token: "sesame", Origin: "https://example.org", Idle: time.Second}
			if tt.publish {
				o.Publish = s.publish
			}
			findings, err := Examine(t.Context(), o)
			if err != nil || !s.sawToken {
				t.Fatalf("%v; the server received the token: %v", err, s.sawToken)
			}
			said := ""
			for _, f := range findings {
				said += f.Check + ": " + f.Message + "\n"
				if f.Bad != (f.Check == tt.bad) {
					t.Errorf("%s: bad %v: %s", f.Check, f.Bad, f.Message)
				}
				if f.Bad && f.Fix == nil && f.Check != "answer" {
					t.Errorf("%s: no fix is suggested", f.Check)
				}
			}
			if !strings.Contains(said, tt.says) {
				t.Errorf("%q is missing in\n%s", tt.says, said)
			}
		})
	}
}

// TestSilenceIsBad verifies that a stream without heartbeats is a problem if it was watched for
// longer than the time between heartbeats.
func TestSilenceIsBad(t *testing.T) {
	if bad, says := held(&probe{}, heartbeatDefault, time.Time{}); !bad || !strings.Contains(says, "nothing was received within 15s") {
		t.Errorf("bad %v: %s", bad, says)
	}
}

func TestExamineWithoutServer(t *testing.T) {
	findings, err := Examine(t.Context(), Options{URL: "http://127.0.0.1:1/?token=sesame", Idle: time.Second})
	if err != nil || len(findings) != 1 || !findings[0].Bad || !strings.Contains(findings[0].Message, "refused") || strings.Contains(findings[0].Message, "sesame") {
		t.Errorf("%v, %v", findings, err)
	}
}

func TestExamineCannotPublish(t *testing.T) {
	no := errors.New("no")
	s := &server{status: 200, media: "text/event-stream", publishError: no}
	listening := httptest.NewServer(s)
	defer listening.Close()
	if _, err := Examine(t.Context(), Options{URL: listening.URL, Idle: time.Minute, Publish: s.publish}); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
}
