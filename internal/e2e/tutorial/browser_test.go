package tutorial

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// A browser shows one address after the other, each in a new tab.
type browser struct {
	*testtool.Devtools
	address string
}

// inBrowser opens the block's address, unless it is already open, and waits until the page shows
// the block's lines.
func (r *reader) inBrowser(t *testing.T, b block) {
	t.Helper()
	if r.browser == nil {
		r.browser = &browser{}
		r.place.In(t, func() { r.browser.Devtools = testtool.StartDevtools(t) })
	}
	if r.browser.address != b.about {
		r.browser.OpenTab(t)
		r.browser.Do(t, "Page.navigate", testtool.Values{"url": b.about}, nil)
		r.browser.address = b.about
	}
	var shown []string
	for deadline := time.Now().Add(testtool.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if shown = r.browser.lines(t); r.shows(b.lines, shown) {
			return
		}
	}
	t.Fatalf("docs/tutorial.md:%d: %s shows\n%s\nbut the tutorial shows\n%s", b.line, b.about, strings.Join(shown, "\n"), strings.Join(b.lines, "\n"))
}

// lines returns the visible lines of the page, or none while it is loading.
func (b *browser) lines(t *testing.T) (lines []string) {
	t.Helper()
	var answer struct{ Result struct{ Value string } }
	err := b.Ask(t, "Runtime.evaluate", testtool.Values{"expression": "document.body.innerText", "returnByValue": true}, &answer)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(answer.Result.Value) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// shows reports whether lines match the wanted ones, in which "..." matches any number of lines.
func (r *reader) shows(want, lines []string) bool {
	if len(want) == 0 {
		return len(lines) == 0
	}
	if want[0] == "..." {
		return slices.ContainsFunc(ends(lines), func(rest []string) bool { return r.shows(want[1:], rest) })
	}
	return len(lines) > 0 && r.known.same(want[0], lines[0]) && r.shows(want[1:], lines[1:])
}

// ends returns all suffixes of lines, including the empty one.
func ends(lines []string) (all [][]string) {
	for i := range len(lines) + 1 {
		all = append(all, lines[i:])
	}
	return all
}

func TestShowsLines(t *testing.T) {
	for _, c := range []struct {
		name, want, lines string
		shows             bool
	}{
		{"the same", "a,b", "a,b", true},
		{"less", "a,b", "a", false},
		{"more", "a", "a,b", false},
		{"any before", "...,b", "x,a,b", true},
		{"no line before", "...,b", "b", true},
		{"any behind", "a,...", "a,b,c", true},
		{"any between", "a,...,d", "a,b,c,d", true},
		{"the last line is missing", "a,...,d", "a,b,c", false},
		{"another time", "12:00:01", "13:00:01", true},
	} {
		r := &reader{known: epochs{}}
		if got := r.shows(strings.Split(c.want, ","), strings.Split(c.lines, ",")); got != c.shows {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
