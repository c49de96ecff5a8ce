package top

// connectionColumns returns the columns of the connections, for a table of the given width. It
// limits the width of the addresses, because IPv6 addresses may be long.
func connectionColumns(width int, all []connection) []column {
	longest := len("address")
	for i := range all {
		longest = max(longest, len(all[i].ClientIP))
	}
	return []column{
		{title: "address", width: min(longest, max(len("255.255.255.255"), width/5))},
		{title: "namespaces", share: 1},
		{title: "user agent", share: 1},
		{title: "age", width: 7, right: true},
		{title: "messages", width: 10, right: true},
		{title: "behind", width: 9, right: true},
	}
}

func (c *connection) cells() []string {
	behind := size(float64(c.LagBytes))
	if c.Blocked {
		behind = "!" + behind
	}
	return []string{string(c.ClientIP), joined(c.Namespaces), string(c.UserAgent), age(c.AgeSeconds), count(float64(c.MsgsSent)), behind}
}

var namespaceColumns = []column{
	{title: "namespaces", share: 1},
	{title: "subscribers", width: 11, right: true},
	{title: "messages/s", width: 10, right: true},
}

func (r *row) cells() []string {
	return []string{joined(r.Namespaces), count(float64(r.Subscribers)), count(r.rate)}
}

// title returns the heading of a table: its name, and the order of its lines.
func (m *model) title(p pane) string {
	switch {
	case p == connections:
		return m.name(p) + ", " + m.query.order()
	case m.busiest:
		return m.name(p) + ", busiest first"
	}
	return m.name(p) + ", by name"
}

// name returns the name of a table with its number of lines.
func (m *model) name(p pane) string {
	if p == namespaces {
		return "Namespaces " + count(float64(len(m.sets)))
	}
	shown := count(float64(len(m.status.Connections)))
	if m.query.namespace == "" && m.status.Subscribers > len(m.status.Connections) {
		shown += " of " + count(float64(m.status.Subscribers))
	} else if len(m.status.Connections) == m.query.limit {
		shown += " or more"
	}
	return "Connections " + shown
}

// table draws a table with its titles in height lines. It highlights the selected row if the table
// has the focus.
func (m *model) table(p pane, width, height int) []string {
	from, to := m.lists[p].window(height - 1)
	var lines []line
	for i := from; i < to; i++ {
		l := m.line(p, i)
		if p == m.focus && i == m.lists[p].at {
			l.look = selected
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return append(m.style.table(m.columns(p, width), nil, width), fit(m.emptyText(), width, false))
	}
	return m.style.table(m.columns(p, width), lines, width)
}

func (m *model) columns(p pane, width int) []column {
	if p == namespaces {
		return namespaceColumns
	}
	return connectionColumns(width, m.status.Connections)
}

func (m *model) line(p pane, i int) line {
	if p == namespaces {
		return line{cells: m.sets[i].cells()}
	}
	c := &m.status.Connections[i]
	if c.Blocked {
		return line{c.cells(), warning}
	}
	return line{cells: c.cells()}
}

// emptyText returns the text for an empty table.
func (m *model) emptyText() string {
	if m.query.namespace != "" {
		return "no subscribers of " + string(clean(m.query.namespace)) + " or below"
	}
	return "no subscribers"
}
