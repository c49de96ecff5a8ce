package subscribe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssed/ssed/internal/backoff"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// A script is a list of a server's responses, one function for each request.
type script []func(http.ResponseWriter, *http.Request)

// played is the result of a script.
type played struct {
	ended error
	data  []string // the data of the events
	lost  []Loss
	asked []http.Header
}

// play serves a script, and runs o against it.
func play(t *testing.T, s script, o Options) (p played) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked = append(p.asked, r.Header)
		if len(s) == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next := s[0]
		s = s[1:]
		next(w, r)
	}))
	defer server.Close()
	o.URL = server.URL
	o.Event = func(e sse.Event) error {
		p.data = append(p.data, e.Data)
		return nil
	}
	o.Lost = func(l Loss) { p.lost = append(p.lost, l) }
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	p.ended = Run(ctx, o)
	return p
}

// stream responds with an event stream, which then ends or, if breaks is set, is cut off.
func stream(text string, breaks bool) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream;charset=UTF-8")
		fmt.Fprint(w, text)
		w.(http.Flusher).Flush()
		if breaks {
			panic(http.ErrAbortHandler)
		}
	}
}

func status(code int, media, said string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(code)
		fmt.Fprint(w, said)
	}
}

func TestRunReconnects(t *testing.T) {
	testtool.Long(t, "the subscriber reconnects several times")
	p := play(t, script{
		stream("retry:1\nid:a-1\ndata:1\n\nid:a-2\ndata:cut", false),
		status(503, "text/plain", "later"),
		status(502, "text/html", "<html>"),
		stream("id:a-2\ndata:2\n\n", true),
		stream("id\ndata:3\n\n", false),
	}, Options{Token: "secret", LastEventID: "a-0"})
	if p.ended != nil || !slices.Equal(p.data, []string{"1", "2", "3"}) {
		t.Errorf("%q, ended by %v", p.data, p.ended)
	}
	var ids []string
	for _, head := range p.asked {
		ids = append(ids, head.Get("Last-Event-ID"))
		if head.Get("Accept") != "text/event-stream" || head.Get("X-Authorization") != "secret" || head.Get("Accept-Encoding") != "" {
			t.Errorf("the request has the header %v", head)
		}
	}
	if want := []string{"a-0", "a-1", "a-1", "a-1", "a-2", ""}; !slices.Equal(ids, want) {
		t.Errorf("the requests have the ids %q, want %q", ids, want)
	}
	var said []string
	for _, l := range p.lost {
		said = append(said, fmt.Sprint(l.Failures, " ", l.Resumes, " ", l.Err))
	}
	want := []string{
		"0 true the server closed the stream",
		"1 true the server refuses (503): later",
		"2 true the server refuses (502): Bad Gateway",
		"0 true unexpected EOF",
		"0 false the server closed the stream",
	}
	if !slices.Equal(said, want) {
		t.Errorf("Lost was called with\n%q, want\n%q", said, want)
	}
}

// TestRunIsTurnedAway verifies that a stream with only a time to reconnect counts as a failed
// attempt, and that the wait is the time that the server asked for.
func TestRunIsTurnedAway(t *testing.T) {
	p := play(t, script{
		stream("retry:300\n\n", false),
		stream("retry:300\n\n", false),
		stream("retry:300\n:\n\n", false),
	}, Options{})
	var said []string
	for _, l := range p.lost {
		said = append(said, fmt.Sprint(l.Failures, " ", l.Err))
		if l.Wait < 300*time.Millisecond || l.Wait > 450*time.Millisecond {
			t.Errorf("it waits %v after %v", l.Wait, l.Err)
		}
	}
	want := []string{fmt.Sprint("1 ", ErrTurnedAway), fmt.Sprint("2 ", ErrTurnedAway), fmt.Sprint("0 ", ErrEnded)}
	if p.ended != nil || !slices.Equal(said, want) {
		t.Errorf("Lost was called with\n%q, want\n%q", said, want)
	}
}

func TestRunEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		says   string
	}{
		{"refused", status(403, "text/plain", "not you\nmore"), "the server refuses (403): not you"},
		{"refused with a page", status(404, "text/html", " <html>"), "the server refuses (404): Not Found"},
		{"redirected", status(307, "text/plain", "there"), "the server redirects (307) to https://elsewhere.example/"},
		{"a page", status(200, "text/html", "data:1\n\n"), `not an event stream: Content-Type is "text/html"`},
		{"no type", status(200, "", "data:1\n\n"), "not an event stream"},
		{"too long", stream(strings.Repeat("x", 2000), false), "more than 1000 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := play(t, script{tt.answer}, Options{BytesMax: 1000})
			if p.ended == nil || !strings.Contains(p.ended.Error(), tt.says) {
				t.Errorf("ended by %v, want %q", p.ended, tt.says)
			}
			if len(p.data)+len(p.lost) > 0 || len(p.asked) != 1 {
				t.Errorf("events %q, lost %v, asked %d times", p.data, p.lost, len(p.asked))
			}
		})
	}
}

// TestRunFailsAtFirstAttempt verifies that Run fails if no server responds at the first attempt,
// and that the error does not contain the URL's secrets.
func TestRunFailsAtFirstAttempt(t *testing.T) {
	err := Run(t.Context(), Options{
		URL:  "http://127.0.0.1:1/?token=secret",
		Lost: func(l Loss) { t.Errorf("it tries again: %v", l.Err) },
	})
	if err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if err := Run(t.Context(), Options{URL: ":"}); err == nil {
		t.Error("an invalid URL is accepted")
	}
}

func TestRunIsStopped(t *testing.T) {
	mine := errors.New("mine")
	for _, tt := range []struct {
		name string
		o    Options
		raw  string
	}{
		{"by an event", Options{Event: func(sse.Event) error { return mine }}, "data:1\n\n"},
		{"by bytes", Options{Event: func(sse.Event) error { return nil }, Raw: func([]byte) error { return mine }}, ""},
		{"in a pause", Options{Event: func(sse.Event) error { return nil }, Pause: func() error { return mine }}, "data:1\n\ndata:2\n\n"},
	} {
		server := httptest.NewServer(http.HandlerFunc(stream("data:1\n\ndata:2\n\n", false)))
		raw := ""
		tt.o.URL = server.URL
		if tt.o.Raw == nil {
			tt.o.Raw = func(b []byte) error {
				raw += string(b)
				return nil
			}
		}
		if err := Run(t.Context(), tt.o); err != mine || raw != tt.raw {
			t.Errorf("%s: %v, after %q", tt.name, err, raw)
		}
		server.Close()
	}
}

// TestWaitEnds verifies that wait ends with the context, and that its time is limited.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		c := &client{retry: time.Hour}
		if err := c.wait(ctx, ErrEnded); err != context.DeadlineExceeded || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := c.wait(context.Background(), ErrEnded); err != nil || time.Since(began) < backoff.Max {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestRunWithoutCallbacks verifies that all callbacks are optional.
func TestRunWithoutCallbacks(t *testing.T) {
	left := 2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if left--; left == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "retry:1\n\ndata:x\n\n")
	}))
	defer server.Close()
	if err := Run(t.Context(), Options{URL: server.URL}); err != nil || left != 0 {
		t.Errorf("Run: %v, %d expected requests were not sent", err, left)
	}
}
