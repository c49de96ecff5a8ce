package top

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// twoLoops returns the figures of two loops; the second lags by 100 messages. Their counters have
// grown by a factor.
func twoLoops(factor uint64) []loop {
	return []loop{
		{Loop: 0, Subscribers: 617, Deliveries: 1000 * factor, BytesOut: factor << 20, Newest: 500},
		{Loop: 1, Subscribers: 618, Backlog: 3 << 10, Deliveries: 500 * factor, BytesOut: factor << 10, Newest: 400},
	}
}

func manyLoops(n int) []loop {
	loops := make([]loop, n)
	for i := range loops {
		loops[i] = loop{Loop: i, Newest: uint64(1000 - i%7)}
	}
	return loops
}

// pollLoops passes an answer with these loops to the model.
func pollLoops(m *model, at time.Time, loops []loop) {
	s := someStatus()
	s.Loops = loops
	m.Update(pollMsg{query: m.query, status: s, at: at})
}

func TestLoopRows(t *testing.T) {
	nan := math.NaN()
	restarted := twoLoops(1)
	restarted[0].Deliveries = 0
	for _, tt := range []struct {
		name        string
		before, now []loop
		seconds     float64
		want        []loopRow
	}{
		{"nothing", nil, nil, 1, nil},
		{"the first answer", nil, twoLoops(1), 1, []loopRow{{deliveryRate: nan, byteRate: nan}, {deliveryRate: nan, byteRate: nan, behind: 100}}},
		{"two seconds later", twoLoops(1), twoLoops(2), 2, []loopRow{{deliveryRate: 500, byteRate: 512 << 10}, {deliveryRate: 250, byteRate: 512, behind: 100}}},
		{"no time has passed", twoLoops(1), twoLoops(1), 0, []loopRow{{deliveryRate: nan, byteRate: nan}, {deliveryRate: nan, byteRate: nan, behind: 100}}},
		{"a smaller counter", twoLoops(1), restarted, 1, []loopRow{{deliveryRate: nan}, {behind: 100}}},
		{"a loop more than before", twoLoops(1)[:1], twoLoops(1), 1, []loopRow{{}, {deliveryRate: nan, byteRate: nan, behind: 100}}},
	} {
		got := loopRows(tt.before, tt.now, tt.seconds)
		for i := range tt.want {
			tt.want[i].loop = tt.now[i]
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) { // NaN does not equal itself
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestLoopsAreShown verifies the lines of the loops, their place, and that one loop has no line.
func TestLoopsAreShown(t *testing.T) {
	m, _ := start()
	at := time.Unix(3000, 0)
	pollLoops(m, at, twoLoops(1)[:1])
	if view := seen(m); strings.Contains(view, "messages behind") {
		t.Errorf("a single loop is shown:\n%s", view)
	}
	pollLoops(m, at.Add(time.Second), twoLoops(1))
	pollLoops(m, at.Add(3*time.Second), twoLoops(3))
	want := `\ndisconnects: .*
loop subscribers deliveries/s   bytes/s   backlog messages behind *
0            617        1,000   1.0 MiB       0 B               0 *
1            618          500   1.0 KiB   3.0 KiB             100 *
▸ Connections`
	if view := seen(m); !regexp.MustCompile(want).MatchString(view) {
		t.Errorf("the view is\n%s\nwant\n%s", view, want)
	}
	press(m, "?")
	if view := seen(m); strings.Contains(view, "messages behind") || !strings.Contains(view, "Press any key to return.") {
		t.Errorf("the loops take the lines of the help:\n%s", view)
	}
}

// TestRatesOfARestartedDaemon verifies that a rate is unknown between two daemons, even if the
// counters of the second one are larger.
func TestRatesOfARestartedDaemon(t *testing.T) {
	m, _ := start()
	at := time.Unix(3000, 0)
	pollLoops(m, at, twoLoops(1))
	again := someStatus()
	again.StartupTime++
	again.Loops = twoLoops(5)
	m.Update(pollMsg{query: m.query, status: again, at: at.Add(time.Second)})
	if !math.IsNaN(m.loops[0].deliveryRate) {
		t.Errorf("the rate is %v", m.loops[0].deliveryRate)
	}
}

// TestRatesOfTheFirstPoll verifies that the first poll of a model gives no rates: the model has no
// time for the answer that it starts with.
func TestRatesOfTheFirstPoll(t *testing.T) {
	first := someStatus()
	first.Loops = twoLoops(1)
	m := newModel(&madeUp{}, "", first, false)
	if len(m.loops) != 2 || m.loops[1].behind != 100 {
		t.Errorf("the model begins with %v", m.loops)
	}
	pollLoops(m, time.Unix(3000, 0), twoLoops(2))
	if !math.IsNaN(m.loops[0].deliveryRate) {
		t.Errorf("the rate is %v", m.loops[0].deliveryRate)
	}
}

// TestLoopsFitTheScreen verifies that any number of loops fits any screen, and that the tables keep
// some lines.
func TestLoopsFitTheScreen(t *testing.T) {
	for _, n := range []int{2, 3, 8, 64} {
		for _, size := range [][2]int{{80, 24}, {120, 40}, {110, 16}, {40, 16}, {20, 16}, {30, 100}} {
			m, _ := start()
			m.style.color = true
			pollLoops(m, time.Unix(3000, 0), manyLoops(n))
			m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			lines := strings.Split(m.View().Content, "\n")
			if len(lines) != size[1] {
				t.Errorf("%d loops: %d lines for %v", n, len(lines), size)
			}
			for _, l := range lines {
				if width := ansi.StringWidth(l); width > size[0] {
					t.Errorf("%d loops: %d cells for %v: %q", n, width, size, l)
				}
			}
			if view := seen(m); !strings.Contains(view, "messages behind") || !strings.Contains(view, "▸ Connections") || !strings.Contains(view, "10.0.0.0 ") {
				t.Errorf("%d loops on %v: the loops or the connections are missing in\n%s", n, size, view)
			}
		}
	}
}

// TestWorstLoopsAreShown verifies that the loops with the largest lag or backlog are shown if not
// all fit, in the order of their numbers.
func TestWorstLoopsAreShown(t *testing.T) {
	m, _ := start()
	loops := manyLoops(40)
	for i := range loops {
		loops[i].Newest = 1000
	}
	loops[37].Newest, loops[20].Newest, loops[5].Backlog = 900, 950, 1
	pollLoops(m, time.Unix(3000, 0), loops)
	var shown []string
	for _, l := range m.loopLines(5) {
		shown = append(shown, strings.Fields(ansi.Strip(l))[0])
	}
	if got := strings.Join(shown, " "); got != "loop 5 20 37 …" {
		t.Errorf("the lines begin with %q", got)
	}
	if last := ansi.Strip(m.loopLines(5)[4]); last != "… 37 more loops" {
		t.Errorf("the last line is %q", last)
	}
}

// TestNarrowLoops verifies which columns a narrow screen has.
func TestNarrowLoops(t *testing.T) {
	for width, want := range map[int]string{
		80: "loop subscribers deliveries/s bytes/s backlog messages behind",
		65: "loop subscribers deliveries/s bytes/s backlog messages behind",
		64: "loop subscribers deliveries/s backlog messages behind",
		54: "loop subscribers deliveries/s messages behind",
		44: "loop subscribers messages behind",
		31: "loop messages behind",
		5:  "loop messages behind",
	} {
		columns, _ := loopTable(nil, width)
		if got := strings.Join(titles(columns), " "); got != want {
			t.Errorf("%d cells: %s, want %s", width, got, want)
		}
	}
}

// TestOnceWithLoops verifies the section of the loops against a server whose counters grow with
// each request, and that the rates are those between two requests.
func TestOnceWithLoops(t *testing.T) {
	var requests int
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/admin/status.json":
			requests++
			fmt.Fprintf(w, `{"subscribers":1235,"loops":[{"loop":0,"subscribers":617,"deliveries":%d,"newest":500},{"loop":1,"subscribers":618,"backlog_bytes":3072,"bytes_out":7,"newest":400}]}`,
				1000*requests)
		case "/admin/namespaces.json":
			fmt.Fprint(w, `{"namespaces":[]}`)
		default:
			fmt.Fprint(w, "event:history\ndata:[]\n\n")
		}
	}))
	defer page.Close()
	var out strings.Builder
	if err := Once(t.Context(), client(t, page.URL, ""), &out); err != nil {
		t.Fatal(err)
	}
	want := `\ndisconnects +none\n
event loops: 2
loop  subscribers  deliveries/s  bytes/s  backlog  messages behind
0     617          (\d\d\d  |1,000)         0 B      0 B      0
1     618          0             0 B      3.0 KiB  100

connections, slowest first: 0 of 1235
`
	if requests != 2 || !regexp.MustCompile(want).MatchString(out.String()) {
		t.Errorf("after %d requests:\n%s\nwant\n%s", requests, out.String(), want)
	}

	ctx, cancel := context.WithTimeout(t.Context(), rateTime/10)
	defer cancel()
	if err := Once(ctx, client(t, page.URL, ""), &out); err == nil {
		t.Error("Once does not end with its context")
	}
}
