package top

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/ssed/ssed/nsindex"
)

const keyHint = "tab table  ↑↓ move  s slowest  a oldest  d disconnect  / filter  ? help  q quit"

const helpText = `tab         switch tables               ↑ ↓ k j  pgup pgdn  home end   move
s           slowest (furthest behind) first; for namespaces, the busiest
a           oldest first; for namespaces, by name
d           disconnect the selected connection, after confirmation
/           show only a namespace and those below it; empty: show all
esc         remove the filter           q  ctrl+c   quit

behind      bytes not yet sent to a subscriber; with !, its socket is full
messages    messages delivered to a connection
bars        the last minutes; each bar is the maximum of its time
latency     how long the event loop, or the slowest of several, took to answer
streams     different subscription sets; each event loop counts its own
refused     requests answered with an error; turned away: clients retry later
skips       how often a slow subscriber skipped to the newest message
Press any key to return.`

// key handles a key press, depending on the current mode.
func (m *model) key(key tea.KeyPressMsg) tea.Cmd {
	m.note = ""
	switch {
	case key.String() == "ctrl+c":
		return tea.Quit
	case key.String() == "ctrl+z":
		return tea.Suspend
	case m.helping:
		m.helping = false
		return nil
	case m.typing:
		return m.typeFilter(key)
	case m.asking != nil:
		return m.confirm(key)
	}
	return m.command(key.String())
}

// command executes the command of a key, in the normal mode.
func (m *model) command(key string) tea.Cmd {
	list := &m.lists[m.focus]
	switch key {
	case "q":
		return tea.Quit
	case "?":
		m.helping = true
	case "tab", "shift+tab", "left", "right":
		m.focus = (m.focus + 1) % panes
	case "up", "k":
		list.move(-1)
	case "down", "j":
		list.move(1)
	case "pgup":
		list.move(-m.rows())
	case "pgdown", "space":
		list.move(m.rows())
	case "home", "g":
		list.move(-len(list.keys))
	case "end", "G":
		list.move(len(list.keys))
	case "s", "a":
		return m.order(key == "s")
	case "/":
		m.typing, m.typed = true, m.query.namespace
	case "esc":
		return m.filter("")
	case "d":
		m.ask()
	}
	return nil
}

// order changes the order of the focused table: if first is set, the slowest or busiest rows come
// first, otherwise the usual order is used.
func (m *model) order(first bool) tea.Cmd {
	list := &m.lists[m.focus]
	list.at = 0
	if m.focus == namespaces {
		m.busiest = first
		m.sortSets()
		return nil
	}
	if m.query.slowest == first {
		return nil
	}
	m.query.slowest = first
	return m.now()
}

// ask asks for confirmation to disconnect the selected connection. The answer applies to this
// connection, even if the selection has changed before the answer.
func (m *model) ask() {
	list := &m.lists[connections]
	switch {
	case m.focus != connections:
		m.note = "only connections can be disconnected: press tab to switch tables"
	case m.lost != "" || len(list.keys) == 0:
		m.note = "no connection to disconnect"
	default:
		chosen := m.status.Connections[list.at]
		m.asking = &chosen
	}
}

// confirm handles the answer to ask.
func (m *model) confirm(key tea.KeyPressMsg) tea.Cmd {
	chosen := m.asking
	m.asking = nil
	if key.String() != "y" {
		m.note = "canceled"
		return nil
	}
	return m.disconnect(chosen)
}

// typeFilter handles a key press while the filter is typed. A namespace has no
// spaces, so the space bar does nothing here.
func (m *model) typeFilter(key tea.KeyPressMsg) tea.Cmd {
	switch key.String() {
	case "space":
	case "backspace":
		if runes := []rune(m.typed); len(runes) > 0 {
			m.typed = string(runes[:len(runes)-1])
		}
	case "ctrl+u":
		m.typed = ""
	case "esc":
		m.typing = false
	case "enter":
		m.typing = false
		return m.filter(strings.TrimSpace(m.typed))
	default:
		m.insert(key.Text) // "" for keys without text
	}
	return nil
}

// paste adds pasted text to the filter if one is being typed. Otherwise it does
// nothing: pasted text must not act as commands.
func (m *model) paste(content string) {
	if m.typing {
		m.note = ""
		m.insert(content)
	}
}

// insert adds text to the filter, without control characters, up to the maximum length of a
// namespace.
func (m *model) insert(s string) {
	for _, r := range s {
		longer := m.typed + string(clean(string(r)))
		m.typed = cut(longer, nsindex.NamespaceBytesMax)
		if m.typed != longer {
			return
		}
	}
}

// filter shows only a namespace and the namespaces below it, or everything for "". The leading
// slash is optional.
func (m *model) filter(namespace string) tea.Cmd {
	if namespace == "/" {
		namespace = "" // all namespaces are below it
	}
	if namespace != "" {
		ns, err := nsindex.Canonical("/" + strings.TrimPrefix(namespace, "/"))
		if err != nil {
			m.note = string(clean(err.Error()))
			return nil
		}
		namespace = ns
	}
	if m.query.namespace == namespace {
		return nil
	}
	m.query.namespace = namespace
	for i := range m.lists {
		m.lists[i].at = 0
	}
	return m.now()
}
