package clients

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A Message is a message that a test publishes, or that a client has received.
type Message struct {
	Event string // the event's name; empty if it has none
	Data  string
	About string // describes the message in test output
}

// Shown returns the data as a client shows it. The format has only one line break, so CR and CRLF
// arrive as LF.
func (m Message) Shown() string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(m.Data)
}

// special are short messages that are known to confuse clients or servers of this format.
var special = []Message{
	{About: "no name", Data: "Corgi"},
	{About: "a name", Event: "new-dog", Data: "Corgi"},
	{About: "no name after a name", Data: "Terrier"},
	{About: "the default name of an event", Event: "message", Data: "Beagle"},
	{About: "a name outside ASCII", Event: "новая-собака🐕", Data: "Хаски"},
	{About: "a name like a field", Event: "data:", Data: "x"},
	{About: "the longest name", Event: strings.Repeat("n", sse.EventBytesMax), Data: "x"},
	{About: "a name, no data", Event: "new-dog"},
	{About: "no name, no data"},
	{About: "a space in front", Data: " one"},
	{About: "spaces in front, behind and between", Data: "   three  and  two  "},
	{About: "only a space", Data: " "},
	{About: "a tab in front", Data: "\tone"},
	{About: "a colon in front", Data: ": no comment"},
	{About: "a byte order mark in front", Data: "\uFEFFmarked"},
	{About: "LF, CR and CRLF", Data: "one\ntwo\rthree\r\nfour"},
	{About: "spaces in front of each line", Data: " one\n  two\n\n   four\r    five"},
	{About: "a line break at the start and two at the end", Data: "\nmiddle\n\n"},
	{About: "only a line break", Event: "new-dog", Data: "\n"},
	{About: "LF CR is two line breaks", Data: "one\n\rthree"},
	{About: "lines like fields", Data: "event:evil\ndata:evil\nid:evil\nretry:1\n:evil\ndata\n\n\nevent:evil\ndata:evil\n\n"},
	{About: "NUL", Data: "\x00in front, in the mid\x00dle, and behind\x00"},
	{About: "other control characters", Data: "\x01\x02\x07\x08\x0b\x0c\x1b[31m\x1f\x7f\u0080\u0085\u009f"},
	{About: "line breaks of Unicode, which this format does not know", Data: "one\u2028two\u2029three\u0085four"},
	{About: "text like an escape", Data: `\n \u0000 %0A &#10;`},
}

// chunk is how many code points each Unicode message of Corpus carries.
const chunk = 8 << 10

// Corpus returns the messages that every client is sent: the special ones, two with data of the
// greatest length, and all Unicode characters (surrogates are not characters). The last message
// marks the end, so that a surplus message before it is noticed.
func Corpus() (messages []Message) {
	messages = append(messages, special...)
	messages = append(messages,
		Message{About: "1 MiB in one line", Event: "big", Data: numbers(sse.DataBytesMax, sse.DataBytesMax)},
		Message{About: "1 MiB in many lines", Data: numbers(sse.DataBytesMax, 20)},
	)
	for first := rune(0); first <= utf8.MaxRune; first += chunk {
		if data := codePoints(first, first+chunk); data != "" {
			messages = append(messages, Message{About: fmt.Sprintf("from U+%04X on", first), Data: data})
		}
	}
	return append(messages, Message{About: "the end", Event: "end", Data: "the end"})
}

// numbers returns n bytes of numbers, inLine in a line, so that a lost or moved part is noticed.
func numbers(n, inLine int) string {
	text := make([]byte, 0, n+16)
	for i := 1; len(text) < n; i++ {
		separator := byte(' ')
		if i%inLine == 0 {
			separator = '\n'
		}
		text = append(fmt.Appendf(text, "%d", i), separator)
	}
	return string(text[:n])
}

// codePoints returns the characters in [first, end), without surrogates.
func codePoints(first, end rune) string {
	var text strings.Builder
	for r := first; r < end; r++ {
		if utf8.ValidRune(r) {
			text.WriteRune(r)
		}
	}
	return text.String()
}

// Names returns the name of each named event once, for clients that must register for each name.
func Names(messages []Message) (names []string) {
	for _, m := range messages {
		if m.Event != "" && !slices.Contains(names, m.Event) {
			names = append(names, m.Event)
		}
	}
	return names
}

// Publish publishes messages in order on a namespace of the daemon at url, such as
// "tcp://127.0.0.1:8002". It returns after all were accepted.
func Publish(t testing.TB, url, namespace string, messages ...Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
	defer cancel()
	client, err := publish.Dial(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, m := range messages {
		if _, err := client.Publish(ctx, sse.Message{Namespace: namespace, Event: m.Event, Data: []byte(m.Data)}); err != nil {
			t.Fatalf("publish %q: %v", m.About, err)
		}
	}
}

// Compare checks that a client has received exactly the sent messages, in order.
func Compare(t testing.TB, received, sent []Message) {
	t.Helper()
	for i := range min(len(received), len(sent)) {
		got, want := received[i], sent[i]
		if got.Event != want.Event || got.Data != want.Shown() {
			t.Fatalf("message %d (%s) differs:\n got event %q, data %s\nwant event %q, data %s", i, want.About,
				got.Event, excerpt(got.Data, want.Shown()), want.Event, excerpt(want.Shown(), got.Data))
		}
	}
	if len(received) != len(sent) {
		t.Fatalf("received %d messages, want %d", len(received), len(sent))
	}
}

// excerpt returns the part of text where it first differs from another text.
func excerpt(text, other string) string {
	at := 0
	for at < min(len(text), len(other)) && text[at] == other[at] {
		at++
	}
	from, to := max(0, at-20), min(len(text), at+40)
	return fmt.Sprintf("of %d bytes, at %d: %q", len(text), at, text[from:to])
}
