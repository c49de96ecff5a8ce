package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/sse"
)

var eventTable = []struct {
	name, event, value string
}{
	{"none", "", ""},
	{"plain", "new-dog", "new-dog"},
	{"space inside", "new dog", "new dog"},
	{"UTF-8", "neue Hündin 犬", "neue Hündin 犬"},
	{"spaces at the ends", "  new dog ", "%20%20new dog%20"},
	{"only spaces", "   ", "%20%20%20"},
	{"tabs", "\tnew\tdog\t", "%09new%09dog%09"},
	{"tab and space", " \t x", "%20%09 x"},
	{"control bytes", "\x01\x1b\x7f", "%01%1B%7F"},
	{"percent", "100%", "100%25"},
	{"a literal escape", "%41", "%2541"},
	{"colon", "a: b", "a: b"},
	{"space outside ASCII", "\u00a0a\u0085", "\u00a0a\u0085"},
	{"longest", strings.Repeat("%", sse.EventBytesMax), strings.Repeat("%25", sse.EventBytesMax)},
}

// TestEvent verifies that each event name of the table is encoded and decoded as expected.
func TestEvent(t *testing.T) {
	for _, tt := range eventTable {
		t.Run(tt.name, func(t *testing.T) {
			if got := encodeEvent(tt.event); got != tt.value {
				t.Errorf("%q became %q, want %q", tt.event, got, tt.value)
			}
			if got, err := decodeEvent(tt.value); got != tt.event || err != nil {
				t.Errorf("%q became %q, %v, want %q", tt.value, got, err, tt.event)
			}
		})
	}
}

// TestDecodeForeignEvents verifies how values that other programs wrote are decoded.
func TestDecodeForeignEvents(t *testing.T) {
	for _, tt := range []struct {
		name, value, event string
		err                error
	}{
		{"percent at the end", "100%", "100%", nil},
		{"one digit", "a%4", "a%4", nil},
		{"no digits", "100%zz", "100%zz", nil},
		{"percent twice", "%%41", "%A", nil},
		{"lower-case hex", "%c3%bc", "ü", nil},
		{"needless escape", "%41", "A", nil},
		{"line break", "a%0Ab", "", sse.ErrEvent},
		{"carriage return", "a%0d", "", sse.ErrEvent},
		{"NUL", "%00", "", sse.ErrEvent},
		{"bad UTF-8", "\xFF", "", sse.ErrEvent},
		{"escaped bad UTF-8", "%FF", "", sse.ErrEvent},
		{"too long", strings.Repeat("a", sse.EventBytesMax+1), "", sse.ErrEvent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := decodeEvent(tt.value); got != tt.event || !errors.Is(err, tt.err) {
				t.Errorf("%q became %q, %v, want %q, %v", tt.value, got, err, tt.event, tt.err)
			}
		})
	}
}

// TestHeaderThroughServer publishes each event name of the table, with a key, to a real server. It
// verifies that the client reads the same name and key back.
func TestHeaderThroughServer(t *testing.T) {
	_, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}})
	ctx := testContext(t)
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ssed", Subjects: []string{"ssed"}, AllowDirect: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range eventTable {
		key := "key-of-" + strings.ReplaceAll(tt.name, " ", "/") + "-ü:%"
		ack, err := js.PublishMsg(ctx, &nats.Msg{Subject: "ssed", Header: newHeader(tt.event, key), Data: []byte(tt.event)})
		if err != nil {
			t.Fatal(err)
		}
		again, err := js.PublishMsg(ctx, &nats.Msg{Subject: "ssed", Header: newHeader(tt.event, key)})
		if err != nil || !again.Duplicate || again.Sequence != ack.Sequence {
			t.Errorf("%s: the same key was answered %+v, %v", tt.name, again, err)
		}
		got, err := stream.GetMsg(ctx, ack.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		event, err := eventOf(got.Header)
		if event != tt.event || err != nil || string(got.Data) != tt.event || got.Header.Get(keyHeader) != key {
			t.Errorf("%s: %q, %v with %q was read as %v", tt.name, event, err, got.Data, got.Header)
		}
	}
	if info, err := stream.Info(ctx); err != nil || int(info.State.Msgs) != len(eventTable) {
		t.Errorf("%+v, %v, want %d messages", info, err, len(eventTable))
	}
}

// TestNoHeader verifies the headers of messages without an event, without a key, and without both.
func TestNoHeader(t *testing.T) {
	if h := newHeader("", ""); h != nil {
		t.Errorf("a message without event and key carries %v", h)
	}
	if event, err := eventOf(nil); event != "" || err != nil {
		t.Errorf("no header has the event %q, %v", event, err)
	}
	if h := newHeader("e", ""); len(h) != 1 || h.Get(eventHeader) != "e" {
		t.Errorf("an event alone is %v", h)
	}
	if h := newHeader("", "k"); len(h) != 1 || h.Get(jetstream.MsgIDHeader) != "k" {
		t.Errorf("a key alone is %v", h)
	}
}

// FuzzEvent verifies that an event name survives encoding and decoding. The encoded value has no
// characters that the reader of a header strips or that end a header.
func FuzzEvent(f *testing.F) {
	for _, tt := range eventTable {
		f.Add(tt.event)
		f.Add(tt.value)
	}
	f.Fuzz(func(t *testing.T, in string) {
		// As a value from another program, it decodes to a valid event name or is refused.
		if event, err := decodeEvent(in); err == nil && sse.CheckEvent(event) != nil {
			t.Fatalf("%q became %q", in, event)
		}
		if sse.CheckEvent(in) != nil {
			return
		}
		value := encodeEvent(in)
		if strings.Trim(value, " \t\r\n\v\f") != value {
			t.Fatalf("%q became %q, which loses its ends", in, value)
		}
		for i := range len(value) {
			if value[i] < ' ' || value[i] == 0x7F {
				t.Fatalf("%q became %q", in, value)
			}
		}
		if event, err := decodeEvent(value); event != in || err != nil {
			t.Fatalf("%q became %q and that %q, %v", in, value, event, err)
		}
	})
}

// testContext returns a context that ends before testtool.Patience has passed.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
