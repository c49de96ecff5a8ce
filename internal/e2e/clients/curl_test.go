package clients

import (
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// frame builds a message's frame in the simplest way.
func frame(m Message) string {
	var text strings.Builder
	if m.Event != "" {
		text.WriteString("event:" + m.Event + "\n")
	}
	for line := range strings.SplitSeq(m.Shown(), "\n") {
		if strings.HasPrefix(line, " ") {
			line = " " + line // a client strips one space
		}
		text.WriteString("data:" + line + "\n")
	}
	return text.String() + "\n"
}

// TestCurl verifies that the response head arrives before anything was published, and that curl
// then prints every byte of every frame.
func TestCurl(t *testing.T) {
	t.Parallel()
	curl := testtool.Need(t, "curl")
	for _, where := range testtool.PublishLoops() {
		t.Run("publish loop "+where, func(t *testing.T) {
			t.Parallel()
			d := startQuiet(t, "--publish-loop="+where)
			c := testtool.StartCommand(t, curl, "-sS", "-N", "-D", "/dev/stderr", d.Subscribe[0]+"/subscribe/corpus")
			testtool.WaitFor(t, "the response head", func() bool { return strings.HasSuffix(c.Errors(), "\r\n\r\n") })
			for _, line := range []string{"HTTP/1.1 200 OK\r\n", "\r\nContent-Type: text/event-stream; charset=utf-8\r\n"} {
				if !strings.Contains(c.Errors(), line) {
					t.Errorf("%q is missing in the head:\n%s", line, c.Errors())
				}
			}
			if c.Output() != "" {
				t.Errorf("curl printed %q before anything was published", c.Output())
			}

			corpus := Corpus()
			Publish(t, d.Publish[0], "/corpus", corpus...)
			var want strings.Builder
			for _, m := range corpus {
				want.WriteString(frame(m))
			}
			last := frame(corpus[len(corpus)-1])
			testtool.WaitFor(t, "what curl prints", func() bool { return strings.HasSuffix(c.Output(), last) })
			if got := c.Output(); got != want.String() {
				t.Errorf("curl printed %s\nwant %s", excerpt(got, want.String()), excerpt(want.String(), got))
			}
		})
	}
}
