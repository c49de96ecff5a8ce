package sse

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

var frameTable = []struct {
	name, event, data string
	want              string
}{
	{"the frame of mroth/sseserver", "new-dog", "Corgi", "event:new-dog\ndata:Corgi\n\n"},
	{"no event name", "", "6:07:17 pm (EDT)", "data:6:07:17 pm (EDT)\n\n"},
	{"empty data is still an event", "ping", "", "event:ping\ndata:\n\n"},
	{"LF", "", "a\nb", "data:a\ndata:b\n\n"},
	{"CR", "", "a\rb", "data:a\ndata:b\n\n"},
	{"CRLF is one break", "", "a\r\nb", "data:a\ndata:b\n\n"},
	{"LF CR is two", "", "a\n\rb", "data:a\ndata:\ndata:b\n\n"},
	{"breaks at both ends", "", "\na\n", "data:\ndata:a\ndata:\n\n"},
	{"CR at the end", "", "a\r", "data:a\ndata:\n\n"},
	{"nothing but breaks", "", "\n\r\n\r", "data:\ndata:\ndata:\ndata:\n\n"},
	{"a leading space is kept", "", " a", "data:  a\n\n"},
	{"on every line", "", " a\n  b", "data:  a\ndata:   b\n\n"},
	{"in the event name, too", " x", "a", "event:  x\ndata:a\n\n"},
	{"no injection of an event", "", "a\n\nevent:evil\ndata:b", "data:a\ndata:\ndata:event:evil\ndata:data:b\n\n"},
	{"no injection of an id", "", "a\rid:7", "data:a\ndata:id:7\n\n"},
	{"a colon is nothing special", "a:b", ":c", "event:a:b\ndata::c\n\n"},
	{"beyond ASCII", "événement", "日本語\u2028x", "event:événement\ndata:日本語\u2028x\n\n"},
	{"a byte order mark inside", "", "\uFEFFa", "data:\uFEFFa\n\n"},
}

// TestAppendFrame checks the frames of the table.
func TestAppendFrame(t *testing.T) {
	for _, tt := range frameTable {
		t.Run(tt.name, func(t *testing.T) {
			got := string(AppendFrame(nil, []byte(tt.event), []byte(tt.data)))
			if got != tt.want {
				t.Errorf("AppendFrame(%q, %q) =\n%q, want\n%q", tt.event, tt.data, got, tt.want)
			}
		})
	}
}

// TestAppendFrameKeepsDst verifies that AppendFrame keeps the bytes in dst.
func TestAppendFrameKeepsDst(t *testing.T) {
	got := AppendFrame([]byte("data:before\n\n"), nil, []byte("after"))
	if string(got) != "data:before\n\ndata:after\n\n" {
		t.Errorf("got %q", got)
	}
}

// FuzzAppendFrame decodes encoded messages. Each message must be decoded to exactly one event with
// the same content, even between two other messages and a heartbeat.
func FuzzAppendFrame(f *testing.F) {
	for _, tt := range frameTable {
		f.Add(tt.event, tt.data)
	}
	f.Fuzz(func(t *testing.T, name, data string) {
		if CheckEvent(name) != nil || CheckData([]byte(data), DataBytesMax) != nil {
			return // not a valid message
		}
		stream := AppendFrame(nil, []byte("first"), []byte("1"))
		stream = append(stream, Keepalive...)
		stream = AppendFrame(stream, []byte(name), []byte(data))
		stream = append(stream, Keepalive...)
		stream = AppendFrame(stream, nil, []byte("last"))
		if name == "" {
			name = "message"
		}
		want := []event{{"first", "1", ""}, {name, normalLines(data), ""}, {"message", "last", ""}}
		got := decode(stream)
		if len(got) != len(want) {
			t.Fatalf("%q decodes to %d events: %q", stream, len(got), got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("event %d is %q, want %q", i, got[i], want[i])
			}
		}
	})
}

// TestCheckEvent checks valid and invalid names, as strings and as byte slices.
func TestCheckEvent(t *testing.T) {
	for _, tt := range []struct {
		name, event string
		ok          bool
	}{
		{"none", "", true},
		{"a name", "new-dog", true},
		{"spaces are the line protocol's trouble", "new dog", true},
		{"beyond ASCII", "événement", true},
		{"as long as allowed", strings.Repeat("x", EventBytesMax), true},
		{"too long", strings.Repeat("x", EventBytesMax+1), false},
		{"LF", "a\nb", false},
		{"CR", "a\rb", false},
		{"NUL", "a\x00b", false},
		{"not UTF-8", "a\xff", false},
		{"half a rune", "\xe6\x97", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckEvent(tt.event)
			if (err == nil) != tt.ok {
				t.Errorf("CheckEvent(%q) = %v", tt.event, err)
			}
			if err != nil && !errors.Is(err, ErrEvent) {
				t.Errorf("%v does not wrap ErrEvent", err)
			}
			if inBytes := CheckEvent([]byte(tt.event)); (inBytes == nil) != tt.ok {
				t.Errorf("CheckEvent of bytes: %v", inBytes)
			}
		})
	}
}

// TestCheckKey checks valid and invalid keys, as strings and as byte slices.
func TestCheckKey(t *testing.T) {
	for _, tt := range []struct {
		name, key string
		ok        bool
	}{
		{"none", "", false},
		{"a UUID", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", true},
		{"one byte", "-", true},
		{"every other ASCII character", `!"#$%&'()*+,-./09:;<=>?@AZ[\]^_az{|}~` + "`", true},
		{"beyond ASCII", "größe", true},
		{"as long as allowed", strings.Repeat("ö", KeyBytesMax/2), true},
		{"too long", strings.Repeat("x", KeyBytesMax+1), false},
		{"space", "a b", false},
		{"space at the end", "a ", false},
		{"no-break space", "a\u00a0b", false},
		{"LF", "a\n", false},
		{"NUL", "\x00", false},
		{"DEL", "a\x7f", false},
		{"DEL behind what is not ASCII", "ö\x7f", false},
		{"next line, a control character of C1", "a\u0085", false},
		{"not UTF-8", "a\xff", false},
		{"half a rune", "\xe6\x97", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckKey(tt.key)
			if (err == nil) != tt.ok {
				t.Errorf("CheckKey(%q) = %v", tt.key, err)
			}
			if err != nil && !errors.Is(err, ErrKey) {
				t.Errorf("%v does not wrap ErrKey", err)
			}
			if inBytes := CheckKey([]byte(tt.key)); fmt.Sprint(inBytes) != fmt.Sprint(err) {
				t.Errorf("CheckKey of bytes: %v", inBytes)
			}
		})
	}
}

// TestCheckData checks valid and invalid data, and that the error reports the first invalid byte.
func TestCheckData(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		max        int
		want       error
	}{
		{"empty", "", 1, nil},
		{"NUL is text", "a\x00b", 9, nil},
		{"a real U+FFFD", "a\uFFFDb", 9, nil},
		{"just long enough", "12345", 5, nil},
		{"too long", "123456", 5, ErrTooLong},
		{"invalid", "ab\xffc", 9, ErrUTF8},
		{"a surrogate", "\xed\xa0\x80", 9, ErrUTF8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := CheckData([]byte(tt.data), tt.max); !errors.Is(err, tt.want) {
				t.Errorf("CheckData(%q) = %v, want %v", tt.data, err, tt.want)
			}
		})
	}
	if err := CheckData([]byte("\uFFFDab\xff"), 99); err == nil || !strings.Contains(err.Error(), "byte 5") {
		t.Errorf("the error does not report the first invalid byte: %v", err)
	}
}

// TestAppendRetry verifies that the field is a block that dispatches no event.
func TestAppendRetry(t *testing.T) {
	if got := string(AppendRetry(nil, 2500)); got != "retry:2500\n\n" {
		t.Errorf("got %q", got)
	}
	if got := decode(AppendRetry(nil, 2500)); len(got) != 0 {
		t.Errorf("the block dispatches %q", got)
	}
}

// TestModelDecoder checks the model with the examples of HTML section 9.2.6.
func TestModelDecoder(t *testing.T) {
	for _, tt := range []struct {
		name, stream string
		want         []event
	}{
		{"stocks", "data: YHOO\ndata: +2\ndata: 10\n\n", []event{{"message", "YHOO\n+2\n10", ""}}},
		{"four blocks", ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
			[]event{{"message", "first event", "1"}, {"message", "second event", ""}, {"message", " third event", ""}}},
		{"empty data", "data\n\ndata\ndata\n\ndata:", []event{{"message", "", ""}, {"message", "\n", ""}}},
		{"optional space", "data:test\n\ndata: test\n\n", []event{{"message", "test", ""}, {"message", "test", ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := decode([]byte(tt.stream))
			if len(got) != len(tt.want) {
				t.Fatalf("got %q", got)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("event %d: got %q, want %q", i, got[i], tt.want[i])
				}
			}
		})
	}
}

// TestLineEnd puts one or two line breaks at every position of data that is longer than two
// windows.
func TestLineEnd(t *testing.T) {
	data := []byte(strings.Repeat("x", 2*lineWindow+3))
	if got := lineEnd(data); got != -1 {
		t.Fatalf("lineEnd returns %d for data without a line break", got)
	}
	for at := range data {
		for _, breaks := range []string{"\r", "\n", "\r\n", "\n\r"} {
			with := append([]byte(nil), data...)
			copy(with[at:], breaks)
			if got := lineEnd(with); got != at {
				t.Fatalf("lineEnd finds %q of position %d at %d", breaks, at, got)
			}
		}
	}
}

// BenchmarkFrame measures the encoding of one message.
func BenchmarkFrame(b *testing.B) {
	for _, bm := range []struct{ kind, text string }{{"ascii", "x"}, {"umlauts", "ä"}, {"lines", "0123456\n"}, {"returns", "\r"}} {
		for _, size := range []int{64, 1024, 64 << 10} {
			b.Run(fmt.Sprintf("data=%s/bytes=%d", bm.kind, size), func(b *testing.B) {
				data := []byte(strings.Repeat(bm.text, size/len(bm.text)))
				name := []byte("tick")
				var buf []byte
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					buf = AppendFrame(buf[:0], name, data)
				}
				if !utf8.Valid(buf) {
					b.Fatal("the frame is not valid UTF-8")
				}
			})
		}
	}
}
