package publishers

import (
	"fmt"
	"os"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// publishOn publishes a message on a connection, and returns the sequence in the reply.
func publishOn(t *testing.T, p *testtool.Publisher, data string) (sequence int) {
	t.Helper()
	reply := p.Ask(t, "PUB /news - "+data)
	if n, err := fmt.Sscanf(reply, "OK %d", &sequence); n != 1 {
		t.Fatalf("publishing %q was answered %q: %v", data, reply, err)
	}
	return sequence
}

// wantFrame checks that a subscriber's next frame has the given data.
func wantFrame(t *testing.T, s *testtool.Subscriber, data string) {
	t.Helper()
	if got, want := s.Frame(t), "data:"+data+"\n\n"; got != want {
		t.Errorf("the next frame is %q, want %q", got[:min(len(got), 100)], want[:min(len(want), 100)])
	}
}
