package testtool

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A Subscriber reads one event stream over HTTP.
type Subscriber struct {
	frames <-chan string // closed when the stream has ended
}

// Subscribe connects to a URL such as "http://127.0.0.1:40123/subscribe/pets" and
// returns once the answer's head is there: from then on nothing is missed. The
// connection closes when the test ends. headers are "Name: value" lines.
func Subscribe(t testing.TB, url string, headers ...string) *Subscriber {
	t.Helper()
	Started(t, "a subscriber")
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	impatience := time.AfterFunc(Patience, cancel)
	response, err := http.DefaultTransport.RoundTrip(request)
	if !impatience.Stop() || err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", url, response.Status)
	}
	frames := make(chan string, 1024)
	go func() {
		defer close(frames)
		readFrames(ctx, bufio.NewReader(response.Body), frames)
	}()
	return &Subscriber{frames: frames}
}

// readFrames cuts a stream into frames, each with the empty line that ends it.
// Comments, such as heartbeats, are left out.
func readFrames(ctx context.Context, stream *bufio.Reader, frames chan<- string) {
	frame := ""
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			return
		}
		if !strings.HasPrefix(line, ":") {
			frame += line
		}
		if line == "\n" && frame != "\n" {
			select {
			case frames <- frame:
			case <-ctx.Done():
				return
			}
		}
		if line == "\n" {
			frame = ""
		}
	}
}

// Frame returns the next frame, such as "event:new-dog\ndata:Corgi\n\n".
func (s *Subscriber) Frame(t testing.TB) string {
	t.Helper()
	select {
	case frame, ok := <-s.frames:
		if !ok {
			t.Fatal("the stream ended, a frame was expected")
		}
		return frame
	case <-time.After(Patience):
		t.Fatalf("no frame in %v", Patience)
	}
	return ""
}

// Rest waits for the end of the stream and returns the frames up to there.
func (s *Subscriber) Rest(t testing.TB) []string {
	t.Helper()
	var rest []string
	impatience := time.After(Patience)
	for {
		select {
		case frame, ok := <-s.frames:
			if !ok {
				return rest
			}
			rest = append(rest, frame)
		case <-impatience:
			t.Fatalf("the stream did not end in %v", Patience)
		}
	}
}
