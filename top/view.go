package top

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

const (
	wideEnough = 110 // minimum width, in cells, to show both tables side by side
	highEnough = 16  // minimum height, in lines, to show the charts
	gap        = "  "

	// tablesHeight is how many lines the table of loops leaves to the other tables. It has at least
	// loopsHeight lines: the titles, a loop, and the number of the other loops.
	tablesHeight = 6
	loopsHeight  = 3
)

// View implements tea.Model. It uses the alternate screen, so the shell's screen is restored at the
// end.
func (m *model) View() tea.View {
	return tea.View{Content: m.content(), AltScreen: true}
}

// content returns exactly as many lines as the screen has, none of them wider than the screen.
func (m *model) content() string {
	if m.height < 4 || m.width < 20 {
		return cut("ssed top: the window is too small", m.width)
	}
	lines := m.above()
	space := m.height - len(lines) - 1
	if m.helping {
		lines = append(lines, m.help(space)...)
	} else {
		lines = append(lines, m.tables(space)...)
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	return strings.Join(append(lines[:m.height-1], m.footer()), "\n")
}

// above returns the lines above the tables: the header, the charts, the other figures and the event
// loops. The help needs the lines of the loops.
func (m *model) above() []string {
	lines := []string{m.header()}
	if m.height < highEnough {
		return lines
	}
	for i := 0; i < len(figures); i += 2 {
		width := (m.width - len(gap)) / 2
		lines = append(lines, cut(m.chart(&figures[i], width)+gap+m.chart(&figures[i+1], width), m.width))
	}
	if m.status.Store != nil {
		lines = append(lines, cut("store: "+m.status.Store.line(), m.width))
	}
	lines = append(lines,
		cut(m.status.others(), m.width),
		cut("disconnects: "+m.status.endings(), m.width))
	if m.helping {
		return lines
	}
	footer := 1
	return append(lines, m.loopLines(max(loopsHeight, m.height-len(lines)-footer-tablesHeight))...)
}

// header returns the first line: the daemon's name, version, uptime and address, and its state.
func (m *model) header() string {
	version, _, _ := strings.Cut(string(m.status.Version), " ")
	state, stands := "● live", good
	switch {
	case m.lost != "":
		state, stands = "○ lost", bad
	case m.status.Stopping:
		state, stands = "● draining", warning
	}
	left := fmt.Sprintf("ssed %s %s  up %s  %s", m.status.Node, version, age(m.status.UptimeSeconds), m.where)
	width := max(0, m.width-ansi.StringWidth(state)-1)
	return m.style.paint(strong, fit(left, width, false)) + " " + m.style.paint(stands, state)
}

// chart returns a line with a figure's name, its value, and its chart of the last minutes.
func (m *model) chart(f *figure, width int) string {
	const name, value = 12, 11
	return fit(f.name, name, false) + m.style.paint(strong, fit(f.write(f.latest(m.samples)), value, true)) +
		" " + m.style.paint(drawn, f.chart(m.samples, width-name-value-1))
}

// tables draws both tables side by side if the screen is wide enough, and otherwise the one with
// the focus.
func (m *model) tables(height int) []string {
	if m.width < wideEnough {
		return append([]string{m.tabs()}, m.table(m.focus, m.width, height-1)...)
	}
	right := (m.width - len(gap)) / 3
	left := m.width - len(gap) - right
	return sideBySide(
		append([]string{m.tab(connections, left)}, m.table(connections, left, height-1)...),
		append([]string{m.tab(namespaces, right)}, m.table(namespaces, right, height-1)...), left)
}

// sideBySide joins the lines of two tables.
func sideBySide(left, right []string, leftWidth int) []string {
	lines := make([]string, max(len(left), len(right)))
	for i := range lines {
		l, r := strings.Repeat(" ", leftWidth), ""
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		lines[i] = l + gap + r
	}
	return lines
}

// tabs returns the title of the table that is shown, and the name of the other table.
func (m *model) tabs() string {
	if m.focus == namespaces {
		return cut(m.style.paint(faint, "  "+m.name(connections))+gap+m.style.paint(strong, "▸ "+m.title(namespaces)), m.width)
	}
	return cut(m.style.paint(strong, "▸ "+m.title(connections))+gap+m.style.paint(faint, "  "+m.name(namespaces)), m.width)
}

// tab returns the title of one of two tables. It is bold if the table has the focus.
func (m *model) tab(p pane, width int) string {
	if p == m.focus {
		return m.style.paint(strong, fit("▸ "+m.title(p), width, false))
	}
	return m.style.paint(faint, fit("  "+m.title(p), width, false))
}

// help returns the help, which replaces the tables, as far as it fits.
func (m *model) help(height int) []string {
	lines := strings.Split(helpText, "\n")
	for i := range lines {
		lines[i] = cut(lines[i], m.width)
	}
	return lines[:min(height, len(lines))]
}

// footer returns the last line: the most urgent message, or a summary of the keys.
func (m *model) footer() string {
	text, look := m.urgent()
	return m.style.paint(look, fit(text, m.width, false))
}

func (m *model) urgent() (string, look) {
	switch {
	case m.typing:
		return "only this namespace and below (enter; esc to cancel): " + m.typed + "█", strong
	case m.asking != nil:
		return "disconnect " + cut(m.asking.who(), max(0, m.width-len("disconnect ? y/n"))) + "? y/n", warning
	case m.lost != "":
		return m.lost + "; reconnecting", bad
	case m.note != "":
		return m.note, strong
	case m.trouble != "":
		return m.trouble, bad
	case m.query.namespace != "":
		return "only " + string(clean(m.query.namespace)) + " and below (esc: show all)   " + keyHint, faint
	}
	return keyHint, faint
}

// rows returns the number of rows by which a page key moves the selection.
func (m *model) rows() int { return max(1, m.height-len(m.above())-3) }
