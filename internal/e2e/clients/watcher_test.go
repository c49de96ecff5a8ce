package clients

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// web holds the files that the test's own server serves: the pages, and the scripts that they share
// with Node.
//
//go:embed web
var web embed.FS

// A report is one observation of a client's script.
type report struct {
	Kind       string // "open", "event", "error"; from fetch also "chunk" and "end"; from a worker "start" and "connect"
	Name, Data string // of an event; of a chunk, and of a message named "open" or "error", only the data
	ReadyState int    // after an error: 0 connecting, 2 closed
	Status     int    // of the response to fetch
}

// closedForGood is the readyState of an EventSource that has given up.
const closedForGood = 2

// A watcher is the test's own server. It serves the pages from an origin that is not the daemon's,
// and receives the reports of the scripts.
type watcher struct {
	origin string

	mu      sync.Mutex
	reports []report
}

// sites counts the watchers of this test process.
var sites atomic.Uint32

// newWatcher starts a server, which stops at the end of the test. Each server has its own loopback
// address. Browsers treat all ports of one address as one site, and WebKit has been seen to restart
// a site's shared workers when other pages of the site closed.
func newWatcher(t *testing.T) *watcher {
	t.Helper()
	n := sites.Add(1)
	return newWatcherOn(t, fmt.Sprintf("127.89.%d.%d", n>>8, n&0xff))
}

// newWatcherOn is like newWatcher with a given address.
func newWatcherOn(t *testing.T, ip string) *watcher {
	t.Helper()
	files, err := fs.Sub(web, "web")
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("POST /report", w.receive)
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}}
	server.Start()
	t.Cleanup(server.Close)
	w.origin = server.URL
	t.Cleanup(func() {
		if t.Failed() {
			w.logReports(t)
		}
	})
	return w
}

func (w *watcher) receive(answer http.ResponseWriter, request *http.Request) {
	var reports []report
	if err := json.NewDecoder(request.Body).Decode(&reports); err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, reports...)
}

// logReports logs the last reports of a failed test.
func (w *watcher) logReports(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.reports[max(0, len(w.reports)-5):] {
		r.Data = r.Data[:min(len(r.Data), 100)]
		t.Logf("reported: %+v", r)
	}
	t.Logf("reports in all: %d", len(w.reports))
}

// of returns the reports of one kind so far.
func (w *watcher) of(kind string) []report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.reports), func(r report) bool { return r.Kind != kind })
}

// wait waits until there are n reports of one kind. It fails the test if the client gives up before
// that.
func (w *watcher) wait(t *testing.T, kind string, n int) {
	t.Helper()
	testtool.WaitFor(t, "the client's report of "+kind, func() bool { return len(w.of(kind)) >= n || w.gaveUp() })
	if len(w.of(kind)) < n {
		t.Fatalf("the client gave up before it made %d reports of %s", n, kind)
	}
}

func (w *watcher) gaveUp() bool {
	return slices.ContainsFunc(w.of("error"), func(r report) bool { return r.ReadyState == closedForGood })
}

// wantEvents waits for as many events as were sent, and compares them.
func (w *watcher) wantEvents(t *testing.T, sent ...Message) {
	t.Helper()
	w.wait(t, "event", len(sent))
	var received []Message
	for _, r := range w.of("event") {
		received = append(received, Message{Event: r.Name, Data: r.Data})
	}
	want := slices.Clone(sent)
	for i := range want {
		if want[i].Event == "" {
			want[i].Event = "message" // the type of such an event in EventSource
		}
	}
	Compare(t, received, want)
}
