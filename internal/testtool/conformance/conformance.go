package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/publish"
)

// patience is how long a test waits before it fails.
const patience = 30 * time.Second

// dribbledBytesMax is the length of the longest script that is also sent byte by byte. Scripts with
// QUIT are not: later bytes would arrive at a closed connection.
const dribbledBytesMax = 300

// A Message is a message that a server has accepted from its publishers.
type Message struct{ Namespace, Event, Data string }

// A Server is a server under test. Only the test publishes to it.
type Server struct {
	// Dial opens a connection that can be half closed: TCP or unix.
	Dial func(t testing.TB) net.Conn
	// Messages returns all published messages so far, in order. It may lag. If it is nil,
	// only replies are checked.
	Messages func() []Message
	// Keys is true if the server remembers keys, for longer than the tests run.
	Keys bool
}

// Run checks a server. start starts one with the given configuration, and makes it stop when the
// test ends.
func Run(t *testing.T, start func(t *testing.T, cfg publish.Config) Server) {
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			start(t, group.cfg).playAll(t, group.cfg, group.scripts)
		})
	}
	t.Run("keys", func(t *testing.T) {
		s, scripts := start(t, publish.Config{}), keylessScripts
		if s.Keys {
			scripts = keyScripts
		}
		s.playAll(t, publish.Config{}, scripts)
	})
	t.Run("connections", func(t *testing.T) { runConnections(t, start(t, publish.Config{})) })
}

func (s Server) playAll(t *testing.T, cfg publish.Config, scripts []script) {
	for _, script := range scripts {
		t.Run(script.name, func(t *testing.T) {
			s.play(t, cfg, script, max(1, len(script.send)))
			if len(script.send) < dribbledBytesMax && !strings.Contains(script.send, "QUIT\n") {
				s.play(t, cfg, script, 1)
			}
		})
	}
}

// play sends a script in pieces of at most pieceBytes. It compares the replies and the published
// messages with the script and with a Session.
func (s Server) play(t *testing.T, cfg publish.Config, script script, pieceBytes int) {
	t.Helper()
	base := s.base(t, script.token)
	script = script.withOwnKeys(base)
	reference := recorder{sequence: base}
	sink := publish.Sink(&reference)
	if s.Keys {
		sink = &keeper{&reference, map[string]uint64{}}
	}
	want, done := publish.NewSession(&cfg).Feed([]byte(script.send), sink, nil)
	if scripted := script.replies(base); !matches(string(want), scripted) {
		t.Fatalf("a Session replies\n%s, but the script expects\n%s", shorten(string(want)), shorten(scripted))
	}
	conn := s.dial(t)
	for piece := range slices.Chunk([]byte(script.send), pieceBytes) {
		if _, err := conn.Write(piece); err != nil {
			t.Fatalf("sending: %v", err)
		}
	}
	if !done {
		halfClose(t, conn)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("reading: %v, after\n%s", err, shorten(string(got)))
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("pieces of %d bytes: the server replies\n%s, want\n%s", pieceBytes, shorten(string(got)), shorten(string(want)))
	}
	// The sequence of one more message shows that the script published no other messages.
	if next := s.base(t, script.token); next != reference.sequence+1 {
		t.Errorf("the next sequence is %d, want %d", next, reference.sequence+1)
	}
	s.expect(t, append(reference.messages, baseMessage))
}

var baseMessage = Message{Namespace: "/conformance", Data: "base"}

// base publishes a message and returns its sequence. The next message has the sequence base+1.
func (s Server) base(t testing.TB, token string) (base uint64) {
	t.Helper()
	conn := s.dial(t)
	defer conn.Close()
	command, format := "PUB /conformance - base\n", "OK %d\n"
	if token != "" {
		command, format = "AUTH "+token+"\n"+command, "OK\nOK %d\n"
	}
	if _, err := io.WriteString(conn, command); err != nil {
		t.Fatalf("sending: %v", err)
	}
	if _, err := fmt.Fscanf(conn, format, &base); err != nil {
		t.Fatalf("publishing the first message: %v", err)
	}
	return base
}

func (s Server) dial(t testing.TB) net.Conn {
	t.Helper()
	conn := s.Dial(t)
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func halfClose(t testing.TB, conn net.Conn) {
	t.Helper()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		t.Fatalf("a %T cannot be half closed", conn)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatalf("half closing: %v", err)
	}
}

// expect waits until the newest published messages are want.
func (s Server) expect(t testing.TB, want []Message) {
	t.Helper()
	if s.Messages == nil {
		return
	}
	var newest []Message
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		all := s.Messages()
		newest = all[max(0, len(all)-len(want)):]
		if slices.Equal(newest, want) {
			return
		}
	}
	t.Fatalf("the newest messages are %s, want %s", shorten(fmt.Sprintf("%q", newest)), shorten(fmt.Sprintf("%q", want)))
}

// matches compares replies with a script, line by line. A line of the script may end with "...",
// which matches any text.
func matches(got, scripted string) bool {
	g, w := strings.Split(got, "\n"), strings.Split(scripted, "\n")
	return slices.EqualFunc(g, w, func(g, w string) bool {
		begin, open := strings.CutSuffix(w, "...")
		return g == w || open && strings.HasPrefix(g, begin) && len(g) > len(begin)
	})
}

func shorten(text string) string {
	const limit = 2000
	if len(text) <= limit {
		return text
	}
	return text[:limit/2] + " [...] " + text[len(text)-limit/2:]
}

// A recorder is the Sink of the reference Session.
type recorder struct {
	sequence uint64
	messages []Message
}

func (r *recorder) Publish(namespace, event, data []byte) (uint64, error) {
	r.sequence++
	r.messages = append(r.messages, Message{string(namespace), string(event), string(data)})
	return r.sequence, nil
}

// A keeper is the Sink of the reference Session if the server remembers keys.
type keeper struct {
	*recorder
	known map[string]uint64
}

func (k *keeper) PublishKeyed(key, namespace, event, data []byte) (sequence uint64, err error) {
	sequence, ok := k.known[string(key)]
	if !ok {
		sequence, err = k.Publish(namespace, event, data)
		k.known[string(key)] = sequence
	}
	return sequence, err
}
