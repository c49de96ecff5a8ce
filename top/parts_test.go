package top

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/ssed/ssed/internal/storestatus"
	"github.com/ssed/ssed/sse"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"plain", "Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)"},
		{"letters of others", "日本語 é ш", "日本語 é ш"},
		{"ESC", "a\x1b[31mb", "a?[31mb"},
		{"an 8-bit CSI", "a\u009b31mb", "a?31mb"},
		{"the title of a window", "\x1b]0;x\a", "?]0;x?"},
		{"line breaks", "a\r\nb\tc\vd", "a??b?c?d"},
		{"DEL and NUL", "\x7f\x00", "??"},
		{"the direction of writing", "a\u202eb\u2066c", "a?b?c"},
		{"what cannot be seen", "a\u200b\u200d\ufeff\u00adb", "a????b"},
		{"line separators", "a\u2028b\u2029", "a?b?"},
		{"other spaces", "a\u00a0b\u3000", "a?b?"},
		{"private use", "\ue000", "?"},
		{"bytes that are no UTF-8", "a\xffb", "a\ufffdb"},
		{"too long", strings.Repeat("x", 600), strings.Repeat("x", 512) + "…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := clean(tt.text); string(got) != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			encoded, _ := json.Marshal(map[string][]string{tt.text: {tt.text}})
			var decoded map[text][]text
			if err := json.Unmarshal(encoded, &decoded); err != nil {
				t.Fatal(err)
			}
			for key, values := range decoded {
				if string(key) != tt.want || string(values[0]) != tt.want {
					t.Errorf("decoded %q: %q, want %q", key, values, tt.want)
				}
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31m\u009b", 7)
	f.Fuzz(func(t *testing.T, s string, width int) {
		cleaned := string(clean(s))
		if strings.ContainsFunc(cleaned, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
			t.Errorf("%q has a control character", cleaned)
		}
		if width %= 1000; width >= 0 && ansi.StringWidth(fit(cleaned, width, false)) != width {
			t.Errorf("%q does not fit %d cells", cleaned, width)
		}
	})
}

func TestNumbers(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct{ got, want string }{
		{count(0), "0"}, {count(0.25), "0.2"}, {count(9.94), "9.9"}, {count(9.96), "10"}, {count(999), "999"},
		{count(1000), "1,000"}, {count(1234567.8), "1,234,568"}, {count(nan), "-"},
		{size(0), "0 B"}, {size(999), "999 B"}, {size(1000), "1.0 KiB"}, {size(100 << 10), "100 KiB"}, {size(1023.9 * 1024), "1.0 MiB"}, {size(1 << 60), "1024 PiB"}, {size(nan), "-"},
		{percent(0.5), "0.5 %"}, {percent(nan), "-"},
		{millis(0.1234), "0.12 ms"}, {millis(12.3), "12 ms"}, {millis(nan), "-"},
		{age(-5), "0s"}, {age(59), "59s"}, {age(60), "1m 00s"}, {age(3599), "59m 59s"}, {age(3725), "1h 02m"}, {age(90000), "1d 01h"}, {age(400 * 86400), "400d 00h"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

func TestStoreLine(t *testing.T) {
	for _, tt := range []struct {
		is   store
		want string
	}{
		{store{Stream: "ssed", Trouble: "connection refused"}, "ssed unavailable · last 0 · lag 0 · unanswered 0 · refused 0 · connection refused"},
		{store{Status: storestatus.Status{Reached: true, Connected: true, Last: 5000, Lag: 4000}, Stream: "ssed"}, "ssed catching up · last 5,000 · lag 4,000 · unanswered 0 · refused 0"},
		{store{Status: storestatus.Status{Reached: true, Connected: true, Live: true, Last: 5000, Unanswered: 3}, Stream: "ssed"}, "ssed live · last 5,000 · lag 0 · unanswered 3 · refused 0"},
		{store{Status: storestatus.Status{Reached: true, Live: true, Refused: 2}, Stream: "ssed", Trouble: "EOF"}, "ssed connection lost · last 0 · lag 0 · unanswered 0 · refused 2 · EOF"},
		{store{Status: storestatus.Status{Reached: true, Connected: true, Live: true}, Stream: "ssed", Trouble: "no leader"}, "ssed in trouble · last 0 · lag 0 · unanswered 0 · refused 0 · no leader"},
	} {
		if got := tt.is.line(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestStoreStringsAreCleaned verifies that the store's strings contain no control characters.
func TestStoreStringsAreCleaned(t *testing.T) {
	var is store
	if err := json.Unmarshal([]byte(`{"stream":"a\u001b","trouble":"b\u0007","last":5,"reached":true}`), &is); err != nil {
		t.Fatal(err)
	}
	if is.Stream != "a?" || is.Trouble != "b?" || is.Last != 5 || !is.Reached {
		t.Errorf("%+v", is)
	}
}

// TestStoreIsShown verifies that the store is shown if and only if the daemon has one.
func TestStoreIsShown(t *testing.T) {
	m, _ := start()
	if before := seen(m); strings.Contains(before, "store") || strings.Contains(snapshot("x", m.status, nil, nil, nil), "store") {
		t.Errorf("a store is shown without a store:\n%s", before)
	}
	m.status.Store = &store{Status: storestatus.Status{Reached: true, Connected: true, Live: true, Last: 7, Lag: 2}, Stream: "ssed"}
	if view := seen(m); !strings.Contains(view, "\nstore: ssed live · last 7 · lag 2 · ") {
		t.Errorf("the store is not shown:\n%s", view)
	}
	if once := snapshot("x", m.status, nil, nil, nil); !strings.Contains(once, "\nstore         ssed live · last 7 · lag 2 · ") {
		t.Errorf("the store is not shown:\n%s", once)
	}
}

// TestCharts verifies charts of four columns; each column has step(columns) seconds, 30 here.
func TestCharts(t *testing.T) {
	level := func(at int64, n int) sample { return sample{T: at * 1000, Subscribers: n} }
	subscribers := &figures[0]
	for _, tt := range []struct {
		name    string
		samples []sample
		columns int
		want    string
	}{
		{"nothing", nil, 4, "    "},
		{"one sample has no predecessor", []sample{level(0, 1)}, 4, "    "},
		{"no columns", []sample{level(0, 1), level(1, 1)}, 0, ""},
		{"only zeros", []sample{level(0, 0), level(1, 0)}, 4, "   ▁"},
		{"the highest of a column", []sample{level(60, 1), level(61, 8), level(62, 1), level(90, 4)}, 4, "  █▅"},
		{"a hole", []sample{level(0, 1), level(1, 8), level(90, 8)}, 4, "█  █"},
		{"older samples are left out", []sample{level(0, 0), level(1, 800), level(300, 8)}, 4, "   █"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := subscribers.chart(tt.samples, tt.columns); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	if step(4) != 30 || step(180) != 1 || step(15) != 15 || step(1) != 30 {
		t.Error("a chart shows three minutes, if it can")
	}
}

func TestRates(t *testing.T) {
	messages := &figures[1]
	for _, tt := range []struct {
		name        string
		before, now sample
		want        float64
	}{
		{"a second", sample{T: 0, Published: 5}, sample{T: 1000, Published: 15}, 10},
		{"a hole of four", sample{T: 0, Published: 5}, sample{T: 4000, Published: 45}, 10},
		{"started again", sample{T: 0, Published: 5}, sample{T: 1000, Published: 4}, math.NaN()},
		{"a clock set back", sample{T: 1000, Published: 5}, sample{T: 0, Published: 6}, math.NaN()},
	} {
		got := messages.latest([]sample{tt.before, tt.now})
		if got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestEvents(t *testing.T) {
	stop := errors.New("stop")
	for _, tt := range []struct {
		name, stream, want string
		err                error
	}{
		{"ours", "event:history\ndata:[]\n\nevent:sample\ndata:{}\n\n", "history=[] sample={} ", io.EOF},
		{"with spaces and CRLF", "event: sample\r\ndata: {}\r\n\r\n", "sample={} ", io.EOF},
		{"data in lines", "data:a\ndata:b\n\n", "message=a\nb ", io.EOF},
		{"comments and empty events", ":keepalive\n\n\nevent:x\n\ndata:a\n\n", "message=a ", io.EOF},
		{"cut off", "event:sample\ndata:{}\n", "", io.EOF},
		{"enough", "event:stop\ndata:1\n\ndata:2\n\n", "stop=1 ", stop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got strings.Builder
			err := readEvents(strings.NewReader(tt.stream), func(e sse.Event) error {
				got.WriteString(e.Name + "=" + e.Data + " ")
				if e.Name == "stop" {
					return stop
				}
				return nil
			})
			if got.String() != tt.want || err != tt.err {
				t.Errorf("%q, %v, want %q, %v", got.String(), err, tt.want, tt.err)
			}
		})
	}
	if err := readEvents(strings.NewReader("data:"+strings.Repeat("x", 2*eventBytesMax)), nil); err == nil || err == io.EOF {
		t.Errorf("an endless line: %v", err)
	}
}

func TestListWindow(t *testing.T) {
	for _, tt := range []struct{ rows, at, height, from, to int }{
		{0, 0, 5, 0, 0}, {3, 2, 5, 0, 3}, {10, 0, 5, 0, 5}, {10, 5, 5, 3, 8}, {10, 9, 5, 5, 10}, {10, 4, 1, 4, 5}, {10, 4, 0, 4, 4}, {10, 9, -1, 9, 9},
	} {
		l := list{keys: make([]uint64, tt.rows), at: tt.at}
		if from, to := l.window(tt.height); from != tt.from || to != tt.to {
			t.Errorf("%+v: %d to %d", tt, from, to)
		}
	}
}
