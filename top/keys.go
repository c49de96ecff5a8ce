package top

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/ssed/ssed/nsindex"
)

const keyHint = "tab table  ↑↓ move  s slowest  a oldest  d disconnect  / filter  ? help  q quit"

const helpText = `tab         the other table             ↑ ↓ k j  pgup pgdn  home end   move
s           slowest first: furthest behind; of the namespaces, the busiest
a           oldest first; of the namespaces, by name
d           disconnect the selected connection, after a question
/           only this namespace and what is below; empty: all
esc         no filter                   q  ctrl+c   quit

behind      bytes that a subscriber has yet to take; with !, its socket is full
messages    delivered to a connection
bars        the last minutes, each the highest of its time
latency     how long the event loop took to answer a question

Any key goes back.`

// keys takes keys that were hit in quick succession: Bubble Tea has them in one
// message. What is pasted is for the filter; it is no series of commands.
func (m *model) keys(all tea.KeyMsg) tea.Cmd {
	if all.Type != tea.KeyRunes || all.Alt {
		return m.key(all)
	}
	var commands []tea.Cmd
	for _, r := range all.Runes {
		if !all.Paste || m.typing {
			commands = append(commands, m.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}}))
		}
	}
	return tea.Batch(commands...)
}

// key does what a key means where it was hit.
func (m *model) key(key tea.KeyMsg) tea.Cmd {
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
	case "pgdown", " ":
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

// order puts those first that need a look, or goes back to the usual order.
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

// ask asks whether to disconnect the selected connection. It is that one then,
// whatever is selected when the answer comes.
func (m *model) ask() {
	list := &m.lists[connections]
	switch {
	case m.focus != connections:
		m.note = "only a connection can be disconnected: tab goes to them"
	case m.lost != "" || len(list.keys) == 0:
		m.note = "there is nobody to disconnect"
	default:
		chosen := m.status.Connections[list.at]
		m.asking = &chosen
	}
}

func (m *model) confirm(key tea.KeyMsg) tea.Cmd {
	chosen := m.asking
	m.asking = nil
	if key.String() != "y" {
		m.note = "nothing was done"
		return nil
	}
	return m.disconnect(chosen)
}

// typeFilter takes a key that belongs to the filter.
func (m *model) typeFilter(key tea.KeyMsg) tea.Cmd {
	switch key.Type {
	case tea.KeyRunes:
		m.typed = cut(m.typed+string(clean(string(key.Runes))), nsindex.NamespaceBytesMax)
	case tea.KeyBackspace:
		if runes := []rune(m.typed); len(runes) > 0 {
			m.typed = string(runes[:len(runes)-1])
		}
	case tea.KeyCtrlU:
		m.typed = ""
	case tea.KeyEsc:
		m.typing = false
	case tea.KeyEnter:
		m.typing = false
		return m.filter(strings.TrimSpace(m.typed))
	}
	return nil
}

// filter shows a namespace and what is below it only; "" is all. The slash in
// front may be left out.
func (m *model) filter(namespace string) tea.Cmd {
	if namespace == "/" {
		namespace = "" // everything is below it
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
