package publishers

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestPublisherDiesWithinALine verifies that an incomplete line is not published, however its
// publisher dies. The lines before it are published, and other publishers notice nothing.
func TestPublisherDiesWithinALine(t *testing.T) {
	halves := map[string]string{
		"a command":                         "PU",
		"data":                              "PUB /news - half",
		"a long line":                       "PUB /news - " + strings.Repeat("half ", 100_000),
		"a payload":                         "PUBN /news - 1000\nhalf\n",
		"a payload, all but the line's end": "PUBN /news - 4\nhalf",
	}
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		d := testtool.Start(t, flag)
		news := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/news")
		other := testtool.DialPublisher(t, d.Publish[0])
		last := publishOn(t, other, "first")
		wantFrame(t, news, "first")
		for within, half := range halves {
			for _, by := range []string{"FIN", "RST"} {
				name := within + ", by " + by
				dying := testtool.DialPublisher(t, d.Publish[0])
				dying.Send(t, fmt.Sprintf("PUB /news - whole, before half of %s\n", name)+half)
				if got, want := dying.Reply(t), fmt.Sprint("OK ", last+1); got != want {
					t.Errorf("%s: the complete line was answered %q, want %q", name, got, want)
				}
				if by == "RST" {
					dying.Conn.(*net.TCPConn).SetLinger(0)
				}
				dying.Conn.Close()
				wantFrame(t, news, "whole, before half of "+name)
				// The other publisher's message must be the next one, so no message was published
				// between them.
				if got := publishOn(t, other, "after half of "+name); got != last+2 {
					t.Errorf("%s: the next message has the sequence %d, want %d", name, got, last+2)
				}
				wantFrame(t, news, "after half of "+name)
				last += 2
			}
		}
		// If an incomplete line was published after the last message, it is in the rest of the
		// stream.
		if code := d.Stop(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
		for _, frame := range news.Rest(t) {
			if strings.HasPrefix(frame, "data:") {
				t.Errorf("half a message was published: %.100q", frame)
			}
		}
	})
}
