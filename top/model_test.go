package top

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/ssed/ssed/nsindex"
)

// A madeUp daemon is a fake that records its requests.
type madeUp struct {
	asked []string
	gone  bool
	err   error
}

func (d *madeUp) status(_ context.Context, q query) (*status, error) {
	d.asked = append(d.asked, "status "+q.order()+" "+q.namespace)
	return someStatus(), d.err
}

func (d *madeUp) namespaces(context.Context) ([]set, error) {
	d.asked = append(d.asked, "namespaces")
	return someSets(100), d.err
}

func (d *madeUp) disconnect(_ context.Context, id uint64) (bool, error) {
	d.asked = append(d.asked, fmt.Sprint("disconnect ", id))
	return d.gone, d.err
}

func someStatus() *status {
	s := &status{Node: "go-test", Version: "v1.2.3 (commit 0)", StartupTime: 1000, UptimeSeconds: 3725, Subscribers: 1234, Publishers: 2, Streams: 3, Blocked: 1,
		Disconnects: map[text]uint64{"slow": 3, "left": 12, "stalled": 0}}
	for i := range 30 {
		s.Connections = append(s.Connections, connection{ID: uint64(100 + i), ClientIP: text(fmt.Sprint("10.0.0.", i)), UserAgent: "agent",
			Namespaces: []text{text(fmt.Sprint("/ns/", i))}, AgeSeconds: int64(1000 - i), MsgsSent: 5, LagBytes: uint64(i) << 10, Blocked: i == 3})
	}
	return s
}

func someSets(messages uint64) []set {
	return []set{{[]text{"/a"}, 1, messages, 1}, {[]text{"/b", "/c"}, 2, 2 * messages, 2}, {[]text{"/b/d"}, 3, 0, 3}}
}

// start returns a model that has received every kind of data.
func start() (*model, *madeUp) {
	d := &madeUp{}
	m := newModel(d, "http://localhost:8001", someStatus(), false)
	at := time.Unix(2000, 0)
	poll(m, at, someSets(100))
	poll(m, at.Add(2*time.Second), someSets(120))
	m.Update(samplesMsg{someSamples(60), true})
	return m, d
}

// poll passes the answer to a poll to the model.
func poll(m *model, at time.Time, sets []set) {
	m.Update(pollMsg{query: m.query, status: someStatus(), sets: sets, at: at})
}

func someSamples(n int) []sample {
	samples := make([]sample, n)
	for i := range samples {
		samples[i] = sample{T: int64(i) * 1000, Subscribers: 1234, Published: uint64(100 * i), Deliveries: uint64(5000 * i), BytesOut: uint64(i) << 20,
			CPUSeconds: float64(i) / 4, RSSBytes: 34 << 20, LatencyMs: 0.123}
	}
	return samples
}

// press presses keys, given by name or as text to type, and runs the commands that
// the model returns. It does not run the timers that follow an answer.
func press(m *model, keys ...string) {
	names := map[string]tea.KeyPressMsg{"tab": {Code: tea.KeyTab}, "enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEsc},
		"down": {Code: tea.KeyDown}, "up": {Code: tea.KeyUp}, "pgdown": {Code: tea.KeyPgDown}, "pgup": {Code: tea.KeyPgUp},
		"home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "backspace": {Code: tea.KeyBackspace},
		"space": {Code: tea.KeySpace, Text: " "}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl}}
	for _, key := range keys {
		if msg, ok := names[key]; ok {
			_, cmd := m.Update(msg)
			do(m, cmd)
			continue
		}
		for _, r := range key {
			_, cmd := m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
			do(m, cmd)
		}
	}
}

// seen returns the view without escape sequences.
func seen(m *model) string { return ansi.Strip(m.View().Content) }

func do(m *model, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, one := range msg {
			do(m, one)
		}
	case pollMsg:
		m.Update(msg)
	case disconnectedMsg:
		_, next := m.Update(msg)
		do(m, next)
	}
}

// TestKeys presses keys, and checks the view and the requests to the daemon.
func TestKeys(t *testing.T) {
	const slowest, all = "status slowest first ", "status oldest first "
	for _, tt := range []struct {
		name  string
		keys  []string
		shows string
		asked string // separated by commas
	}{
		{"nothing", nil, "▸ Connections 30 of 1,234, oldest first", ""},
		{"the other table", []string{"tab"}, "▸ Namespaces 3, by name", ""},
		{"and back", []string{"tab", "tab"}, "▸ Connections", ""},
		{"slowest", []string{"s"}, "slowest first", slowest + ",namespaces"},
		{"slowest twice asks once", []string{"s", "s"}, "slowest first", slowest + ",namespaces"},
		{"oldest again", []string{"s", "a"}, "oldest first", slowest + ",namespaces," + all + ",namespaces"},
		{"busiest", []string{"tab", "s"}, "▸ Namespaces 3, busiest first", ""},
		{"help", []string{"?"}, "Press any key to return.", ""},
		{"any key goes back", []string{"?", "q"}, "▸ Connections", ""},
		{"a question", []string{"d"}, "disconnect 10.0.0.0 on /ns/0? y/n", ""},
		{"about the selected one", []string{"down", "j", "k", "j", "d"}, "disconnect 10.0.0.2 on /ns/2? y/n", ""},
		{"quickly", []string{"jjd"}, "disconnect 10.0.0.2 on /ns/2? y/n", ""},
		{"answered yes", []string{"d", "y"}, "disconnected 10.0.0.0 on /ns/0", "disconnect 100," + all + ",namespaces"},
		{"answered otherwise", []string{"d", "d"}, "canceled", ""},
		{"a page down, with the space bar", []string{"space", "d"}, "disconnect 10.0.0.14 on", ""},
		{"the space bar in a filter", []string{"/", "/", "space", "b", "enter"}, "only /b and below", all + "/b,namespaces"},
		{"a page down", []string{"pgdown", "d"}, "disconnect 10.0.0.14 on", ""},
		{"and up", []string{"pgdown", "pgup", "d"}, "disconnect 10.0.0.0 on", ""},
		{"the end", []string{"end", "d"}, "disconnect 10.0.0.29 on", ""},
		{"further than that", []string{"G", "j", "d"}, "disconnect 10.0.0.29 on", ""},
		{"the beginning", []string{"end", "home", "up", "d"}, "disconnect 10.0.0.0 on", ""},
		{"not a namespace", []string{"tab", "d"}, "only connections can be disconnected", ""},
		{"a filter, typed", []string{"/", "/b"}, "(enter; esc to cancel): /b█", ""},
		{"a filter", []string{"/", "/b", "enter"}, "only /b and below", all + "/b,namespaces"},
		{"without its slash", []string{"/", "b/", "enter"}, "only /b and below", all + "/b,namespaces"},
		{"all in one", []string{"/b", "enter"}, "only /b and below", all + "/b,namespaces"},
		{"mistyped", []string{"/", "/c", "backspace", "b", "enter"}, "only /b and below", all + "/b,namespaces"},
		{"started again", []string{"/", "/cc", "ctrl+u", "/b", "enter"}, "only /b and below", all + "/b,namespaces"},
		{"left", []string{"/", "/b", "esc"}, "tab table", ""},
		{"undone", []string{"/", "/b", "enter", "esc"}, "tab table", all + "/b,namespaces," + all + ",namespaces"},
		{"no namespace", []string{"/", "a//b", "enter"}, "empty segment", ""},
		{"everything", []string{"/", "/", "enter"}, "tab table", ""},
		{"filtered namespaces", []string{"/", "/b", "enter", "tab"}, "▸ Namespaces 2, by name", all + "/b,namespaces"},
		{"keys of a filter are no commands", []string{"/", "q", "d", "s"}, "qds█", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, d := start()
			press(m, tt.keys...)
			if view := seen(m); !strings.Contains(view, tt.shows) {
				t.Errorf("%q is missing in\n%s", tt.shows, view)
			}
			if asked := strings.Join(d.asked, ","); asked != tt.asked {
				t.Errorf("asked %q, want %q", asked, tt.asked)
			}
		})
	}
}

func TestPastedTextIsNotRunAsKeys(t *testing.T) {
	m, d := start()
	paste := tea.PasteMsg{Content: "dyq"}
	if _, cmd := m.Update(paste); cmd != nil || m.asking != nil || len(d.asked) > 0 {
		t.Errorf("it did something: %v, %v", m.asking, d.asked)
	}
	press(m, "/", "ctrl+u")
	m.Update(tea.PasteMsg{Content: "/pets\x1b[31m\u202e"})
	if m.typed != "/pets?[31m?" {
		t.Errorf("%q", m.typed)
	}
	longest := "/" + strings.Repeat("x", nsindex.NamespaceBytesMax-1)
	for _, tt := range []struct{ pasted, typed string }{
		{longest, longest},
		{longest + "xx", longest[:nsindex.NamespaceBytesMax-1] + "…"},
	} {
		press(m, "ctrl+u")
		if m.Update(tea.PasteMsg{Content: tt.pasted}); m.typed != tt.typed {
			t.Errorf("pasted %d bytes: the filter is %q", len(tt.pasted), m.typed)
		}
	}
}

func TestQuit(t *testing.T) {
	for _, keys := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}} {
		m, _ := start()
		_, cmd := m.Update(keys)
		if cmd == nil {
			t.Fatalf("%v does not quit", keys)
		}
		if _, quits := cmd().(tea.QuitMsg); !quits {
			t.Errorf("%v does not quit", keys)
		}
	}
}

func TestView(t *testing.T) {
	m, _ := start()
	for _, want := range []string{"ssed go-test v1.2.3  up 1h 02m  http://localhost:8001", "● live", "subscribers       1,234",
		"messages/s          100", "deliveries/s      5,000", "bytes/s         1.0 MiB", "CPU                25 %", "memory (RSS)   34.0 MiB", "loop latency    0.12 ms",
		"publishers 2 · streams 3 · blocked 1", "disconnects: left 12 · slow 3\n", "10.0.0.1", "/ns/1", "!3.0 KiB", "16m 40s"} {
		if !strings.Contains(seen(m), want) {
			t.Errorf("%q is missing in\n%s", want, seen(m))
		}
	}
	press(m, "tab", "s")
	view := seen(m)
	if b, a := strings.Index(view, "/b /c "), strings.Index(view, "/a "); b < 0 || a < b || !strings.Contains(view, " 20\n") {
		t.Errorf("the busiest is not the first, or has not its rate:\n%s", view)
	}
}

// TestEveryViewFitsTheScreen checks that no view has too many or too wide lines, which would make
// the terminal scroll or wrap.
func TestEveryViewFitsTheScreen(t *testing.T) {
	states := map[string]func(*model){
		"as it begins": func(m *model) { *m = *newModel(m.daemon, m.where, m.status, true) },
		"live":         func(*model) {},
		"namespaces":   func(m *model) { press(m, "tab") },
		"help":         func(m *model) { press(m, "?") },
		"question":     func(m *model) { press(m, "end", "d") },
		"filter":       func(m *model) { press(m, "/", "/"+strings.Repeat("long", 100)) },
		"nobody":       func(m *model) { m.take(&status{}); m.takeSets(nil, time.Now()) },
		"a store": func(m *model) {
			m.status.Store = &store{Stream: text(strings.Repeat("s", 300)), Trouble: text(strings.Repeat("日", 100))}
		},
		"lost": func(m *model) { m.Update(lostMsg{errors.New(strings.Repeat("long\n", 100))}) },
		"wide letters": func(m *model) {
			m.status.Connections[0].UserAgent = text(strings.Repeat("日本語é👩‍👩‍👧", 50))
			m.status.Node = text(strings.Repeat("日", 100))
			m.status.Disconnects = map[text]uint64{text(strings.Repeat("x", 300)): math.MaxUint64}
		},
	}
	for name, state := range states {
		for _, size := range [][2]int{{80, 24}, {120, 40}, {110, 16}, {109, 15}, {40, 10}, {40, 24}, {20, 16}, {20, 4}, {5, 2}, {1, 1}, {400, 100}, {0, 0}} {
			m, _ := start()
			m.style.color = true
			state(m)
			m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			lines := strings.Split(m.View().Content, "\n")
			if len(lines) > max(1, size[1]) {
				t.Errorf("%s: %d lines for %v", name, len(lines), size)
			}
			for _, l := range lines {
				if width := ansi.StringWidth(l); width > size[0] {
					t.Errorf("%s: %d cells for %v: %q", name, width, size, l)
				}
			}
		}
	}
}

func TestNoColor(t *testing.T) {
	m, _ := start()
	m.Update(lostMsg{errors.New("x")})
	m.style.color = true
	if !strings.Contains(m.View().Content, "\x1b[1;31m") {
		t.Error("there is no red")
	}
	m.style.color = false
	if strings.Contains(m.View().Content, "31m") || strings.Contains(m.View().Content, "36m") || !strings.Contains(m.View().Content, "\x1b[7m") {
		t.Error("there is a color, or nothing is selected")
	}
}

// TestSelectionStaysOnItsRow verifies that the same row remains selected when the order changes.
func TestSelectionStaysOnItsRow(t *testing.T) {
	m, _ := start()
	press(m, "j", "j")
	turned := someStatus()
	turned.Connections = append(turned.Connections[10:], turned.Connections[:10]...)
	m.Update(pollMsg{query: m.query, status: turned, at: time.Now()})
	if at := m.lists[connections].at; m.status.Connections[at].ID != 102 {
		t.Errorf("row %d is selected, connection %d", at, m.status.Connections[at].ID)
	}
	m.Update(pollMsg{query: m.query, status: &status{}, at: time.Now()})
	press(m, "j", "d")
	if m.lists[connections].at != 0 || m.asking != nil {
		t.Error("a connection is selected in an empty table")
	}
}

func TestOutdatedAnswerIsRequestedAgain(t *testing.T) {
	m, d := start()
	m.poll() // on its way
	old := m.query
	press(m, "s")
	if len(d.asked) > 0 {
		t.Errorf("two polls at once: %v", d.asked)
	}
	_, cmd := m.Update(pollMsg{query: old, status: &status{}})
	if len(m.status.Connections) == 0 {
		t.Error("the answer to the old query is shown")
	}
	do(m, cmd)
	if len(d.asked) == 0 || d.asked[0] != "status slowest first " {
		t.Errorf("asked %v", d.asked)
	}
}

func TestTicks(t *testing.T) {
	m, _ := start()
	if _, cmd := m.Update(m.tick - 1); cmd != nil {
		t.Error("an old tick started a poll")
	}
	if _, cmd := m.Update(m.tick); cmd == nil {
		t.Error("the last tick did not start a poll")
	}
	if _, cmd := m.Update(m.tick); cmd != nil {
		t.Error("two polls run at the same time")
	}
}

// TestDaemonRestarts verifies the view while the daemon is down and after its restart.
func TestDaemonRestarts(t *testing.T) {
	m, d := start()
	press(m, "d")
	m.Update(lostMsg{errors.New("connection\x1b refused")})
	view := seen(m)
	if !strings.Contains(view, "○ lost") || !strings.Contains(view, "connection? refused; reconnecting") {
		t.Errorf("the view does not show the loss:\n%s", view)
	}
	press(m, "y")
	if len(d.asked) > 0 {
		t.Errorf("a question about a connection of the old daemon was answered: %v", d.asked)
	}
	d.err = errors.New("no answer")
	do(m, m.poll())
	if strings.Contains(seen(m), "no answer") {
		t.Error("the view shows the loss twice")
	}
	_, cmd := m.Update(samplesMsg{nil, true})
	if cmd == nil || !strings.Contains(seen(m), "● live") || !strings.Contains(seen(m), "reconnected") {
		t.Errorf("the view does not show that the daemon is back:\n%s", seen(m))
	}
	again := someStatus()
	again.StartupTime++
	m.Update(pollMsg{query: m.query, status: again, sets: someSets(1), at: time.Now()})
	if !strings.Contains(seen(m), "the daemon was restarted at ") {
		t.Errorf("the view does not show the restart:\n%s", seen(m))
	}
}

func TestFailedDisconnections(t *testing.T) {
	for _, tt := range []struct {
		daemon madeUp
		shows  string
	}{
		{madeUp{gone: true}, "10.0.0.0 on /ns/0 was already disconnected"},
		{madeUp{err: errors.New("it refuses")}, "it refuses"},
	} {
		m, d := start()
		*d = tt.daemon
		press(m, "d", "y")
		if !strings.Contains(seen(m), tt.shows) {
			t.Errorf("%q is missing in\n%s", tt.shows, seen(m))
		}
	}
}

func TestSamplesAreBounded(t *testing.T) {
	m, _ := start()
	for range 3 {
		m.Update(samplesMsg{someSamples(samplesMax - 1), false})
	}
	if len(m.samples) != samplesMax || m.samples[samplesMax-1].T != int64(samplesMax-2)*1000 {
		t.Errorf("%d samples", len(m.samples))
	}
}
