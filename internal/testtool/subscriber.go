package testtool

import (
	"strings"
	"testing"
	"time"
)

// A Subscriber reads one event stream over HTTP.
type Subscriber struct {
	frames <-chan string // closed when the stream has ended
}

// Subscribe connects to a URL such as "http://127.0.0.1:40123/subscribe/pets". It returns once it
// has the head of the response, so it misses no message that is published later. The connection is
// closed when the test ends. headers are "Name: value" lines.
func Subscribe(t testing.TB, url string, headers ...string) *Subscriber {
	t.Helper()
	Started(t, "a subscriber")
	_, rest, _ := strings.Cut(url, "://")
	address, target, _ := strings.Cut(rest, "/")
	stream := OpenStream(t, address, "/"+target, headers...)
	frames, ended := make(chan string, 1024), t.Context().Done()
	go func() {
		defer close(frames)
		for {
			block, err := stream.Block()
			if err != nil {
				return
			}
			if block[0] == ':' {
				continue
			}
			select {
			case frames <- string(block):
			case <-ended:
				return
			}
		}
	}()
	return &Subscriber{frames: frames}
}

// Frame returns the next frame, such as "event:new-dog\ndata:Corgi\n\n".
func (s *Subscriber) Frame(t testing.TB) string {
	t.Helper()
	select {
	case frame, ok := <-s.frames:
		if !ok {
			t.Fatal("the stream ended, but a frame was expected")
		}
		return frame
	case <-time.After(Patience):
		t.Fatalf("no frame in %v", Patience)
	}
	return ""
}

// Rest waits for the end of the stream and returns the remaining frames.
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
