package sse

import (
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// decoderTable contains the examples of HTML section 9.2.6, and cases that decoders often get
// wrong.
var decoderTable = []struct {
	name, stream string
	want         []Event
	lastID       string
}{
	{"stocks", "data: YHOO\ndata: +2\ndata: 10\n\n", []Event{{Name: "message", Data: "YHOO\n+2\n10"}}, ""},
	{"four blocks", ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
		[]Event{{"message", "first event", "1", true}, {"message", "second event", "", true}, {Name: "message", Data: " third event"}}, ""},
	{"empty data", "data\n\ndata\ndata\n\ndata:", []Event{{Name: "message"}, {Name: "message", Data: "\n"}}, ""},
	{"optional space", "data:test\n\ndata: test\n\n", []Event{{Name: "message", Data: "test"}, {Name: "message", Data: "test"}}, ""},
	{"ssed's own", "id:k3j9x2ab-17\nevent:new-dog\ndata:Corgi\n\n", []Event{{"new-dog", "Corgi", "k3j9x2ab-17", true}}, "k3j9x2ab-17"},
	{"an id holds on", "id:1\ndata:a\n\ndata:b\n\n", []Event{{"message", "a", "1", true}, {Name: "message", Data: "b"}}, "1"},
	{"an id without an event", "id:1\n\n", nil, "1"},
	{"an id of an unfinished event", "id:1\ndata:a\n\nid:2\ndata:b\n", []Event{{"message", "a", "1", true}}, "1"},
	{"an id with NUL", "id:1\n\nid:a\x00b\ndata:x\n\n", []Event{{Name: "message", Data: "x"}}, "1"},
	{"a name without data", "event:x\n\ndata:a\n\n", []Event{{Name: "message", Data: "a"}}, ""},
	{"the last name counts", "event:x\nevent:y\ndata:a\n\n", []Event{{Name: "y", Data: "a"}}, ""},
	{"CR", "data:a\rdata:b\r\rdata:c\r\r", []Event{{Name: "message", Data: "a\nb"}, {Name: "message", Data: "c"}}, ""},
	{"CRLF", "data:a\r\ndata:b\r\n\r\n", []Event{{Name: "message", Data: "a\nb"}}, ""},
	{"LF CR", "data:a\n\rdata:b\n\r", []Event{{Name: "message", Data: "a"}, {Name: "message", Data: "b"}}, ""},
	{"byte order mark", "\uFEFFdata:a\n\n\uFEFFdata:b\n\n", []Event{{Name: "message", Data: "a"}}, ""},
	{"two byte order marks", "\uFEFF\uFEFFdata:a\n\n", nil, ""},
	{"unknown fields", "Data:a\n data:b\ndata :c\ndata:d\n\n", []Event{{Name: "message", Data: "d"}}, ""},
	{"colons", "data:a:b\ndata::c\n\n", []Event{{Name: "message", Data: "a:b\n:c"}}, ""},
	{"not UTF-8", "data:a\xffb\xe2\x82c\xe2\x82\n\nevent:\xf0\x80\ndata:\xe2\x82\xac\xed\xa0\x80\n\n",
		[]Event{{Name: "message", Data: "a\uFFFDb\uFFFDc\uFFFD"}, {Name: "\uFFFD\uFFFD", Data: "€\uFFFD\uFFFD\uFFFD"}}, ""},
}

// decodeIn feeds a stream to d in pieces of the given size.
func decodeIn(t *testing.T, d *Decoder, stream string, size int) (events []Event) {
	t.Helper()
	for piece := range slices.Chunk([]byte(stream), size) {
		n, err := d.Feed(piece, func(e Event) error {
			events = append(events, e)
			return nil
		})
		if n != len(piece) || err != nil {
			t.Fatalf("Feed read %d bytes of %q: %v", n, piece, err)
		}
	}
	return events
}

// TestDecoder checks the table, with pieces of several sizes.
func TestDecoder(t *testing.T) {
	for _, tt := range decoderTable {
		t.Run(tt.name, func(t *testing.T) {
			for size := 1; size <= len(tt.stream); size++ {
				var d Decoder
				if got := decodeIn(t, &d, tt.stream, size); !slices.Equal(got, tt.want) {
					t.Errorf("in pieces of %d:\ngot  %#v\nwant %#v", size, got, tt.want)
				}
				if d.LastEventID() != tt.lastID {
					t.Errorf("in pieces of %d: the last id is %q, want %q", size, d.LastEventID(), tt.lastID)
				}
			}
		})
	}
}

// TestDecoderDoesNotWait verifies that an event that ends in CR is dispatched before the next byte
// arrives.
func TestDecoderDoesNotWait(t *testing.T) {
	var d Decoder
	if got := decodeIn(t, &d, "data:a\r\n\r", 9); len(got) != 1 {
		t.Errorf("got %#v", got)
	}
	if got := decodeIn(t, &d, "\ndata:b\n\n", 9); len(got) != 1 || got[0].Data != "b" {
		t.Errorf("got %#v", got)
	}
}

// TestDecoderKeepsTheIDOfTheRequest verifies that the id of ResumeFrom is the last id until the
// stream sets another one.
func TestDecoderKeepsTheIDOfTheRequest(t *testing.T) {
	var d Decoder
	d.ResumeFrom("a-7")
	got := decodeIn(t, &d, "event:gap\ndata:{}\n\n", 100)
	if len(got) != 1 || got[0].HasID || d.LastEventID() != "a-7" {
		t.Errorf("%#v, last id %q", got, d.LastEventID())
	}
}

// TestDecoderRetry checks valid and invalid reconnection times.
func TestDecoderRetry(t *testing.T) {
	for _, tt := range []struct {
		stream string
		want   int64
		ok     bool
	}{
		{"", 0, false},
		{"retry:2500\n", 2500, true},
		{"retry: 0\nretry:-1\nretry:+1\nretry:1.5\nretry:\nretry\nretry:1 \n", 0, true},
		{"retry:" + strings.Repeat("9", 40) + "\n", math.MaxInt64, true},
	} {
		var d Decoder
		decodeIn(t, &d, tt.stream, 100)
		if got, ok := d.Retry(); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %d, %v", tt.stream, got, ok)
		}
	}
}

// TestDecoderStopsAfterAnError verifies that Feed returns the error of the callback and the offset
// after the event.
func TestDecoderStopsAfterAnError(t *testing.T) {
	var d Decoder
	stream := []byte("data:a\n\ndata:b\n\n")
	n, err := d.Feed(stream, func(Event) error { return io.EOF })
	if n != len("data:a\n\n") || err != io.EOF {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestDecoderHasLimits verifies that long lines and events are refused, and that shorter ones are
// not.
func TestDecoderHasLimits(t *testing.T) {
	full := strings.Repeat("x", 100)
	half := full[:49]
	for _, tt := range []struct{ name, stream, what string }{
		{"a full line", "data: " + full + "\n\n", ""},
		{"a line", "data: " + full + "yy\n", "line"},
		{"a line without an end", strings.Repeat("x", 1000), "line"},
		{"a comment", ":" + full + full, "line"},
		{"a full event", "data:" + half + "\ndata:" + half + "x\n\n", ""},
		{"an event", "data:" + half + "\ndata:" + half + "xyz\n\n", "event"},
		{"nothing but line ends", strings.Repeat("data\n", 200), "event"},
		{"many small ones", strings.Repeat("data:x\n\n", 200), ""},
	} {
		for _, size := range []int{1, 7, 2000} {
			d := Decoder{BytesMax: 100}
			var err error
			for piece := range slices.Chunk([]byte(tt.stream), size) {
				if _, err = d.Feed(piece, func(Event) error { return nil }); err != nil {
					break
				}
			}
			tooLong, ok := errors.AsType[*TooLongError](err)
			if ok != (tt.what != "") || ok && (tooLong.What != tt.what || !strings.Contains(err.Error(), "more than 100 bytes")) {
				t.Errorf("%s, in pieces of %d: %v", tt.name, size, err)
			}
		}
	}
}

// FuzzDecoder compares the Decoder with the model, which gets the complete stream.
func FuzzDecoder(f *testing.F) {
	for _, tt := range decoderTable {
		f.Add([]byte(tt.stream), 3)
	}
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		if size < 1 || len(stream) == 0 {
			return
		}
		var d Decoder
		got := decodeIn(t, &d, string(stream), size)
		want := decode(stream)
		if len(got) != len(want) {
			t.Fatalf("%q: %d events %#v, want %d: %q", stream, len(got), got, len(want), want)
		}
		for i, w := range want {
			if got[i].Name != w.name || got[i].Data != w.data || got[i].HasID && got[i].ID != w.lastEventID {
				t.Fatalf("%q: event %d is %#v, want %q", stream, i, got[i], w)
			}
		}
	})
}
