package publishers

import (
	"fmt"
	"os"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// bothLoops runs a test with publishers on the subscribers' loop, and on their own.
func bothLoops(t *testing.T, test func(t *testing.T, flag string)) {
	for _, where := range []string{"shared", "own"} {
		t.Run(where, func(t *testing.T) { test(t, "--publish-loop="+where) })
	}
}

// publishOn publishes on a connection and returns the sequence that the message
// was given.
func publishOn(t *testing.T, p *testtool.Publisher, data string) (sequence int) {
	t.Helper()
	reply := p.Ask(t, "PUB /news - "+data)
	if n, err := fmt.Sscanf(reply, "OK %d", &sequence); n != 1 {
		t.Fatalf("publishing %q was answered %q: %v", data, reply, err)
	}
	return sequence
}

// wantFrame wants a subscriber's next frame to carry data.
func wantFrame(t *testing.T, s *testtool.Subscriber, data string) {
	t.Helper()
	if got, want := s.Frame(t), "data:"+data+"\n\n"; got != want {
		t.Errorf("the stream goes on with %q, want %q", got[:min(len(got), 100)], want[:min(len(want), 100)])
	}
}
