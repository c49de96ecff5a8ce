package top

import "strings"

// A column of a table. Those with a share divide what the others leave.
type column struct {
	title string
	width int
	share int
	right bool // where numbers end
}

// A line of a table has a cell for each column.
type line struct {
	cells []string
	look  look
}

// between stands between two columns.
const between = " "

// layout returns the columns with their widths in a table of a width.
func layout(columns []column, width int) []column {
	rest, shares := width-len(between)*(len(columns)-1), 0
	for _, c := range columns {
		rest -= c.width
		shares += c.share
	}
	laid := make([]column, len(columns))
	for i, c := range columns {
		if c.share > 0 && rest > 0 {
			part := rest * c.share / shares
			c.width, rest, shares = c.width+part, rest-part, shares-c.share
		}
		laid[i] = c
	}
	return laid
}

// write writes one line of a table.
func write(columns []column, cells []string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = fit(cells[i], c.width, c.right)
	}
	return strings.Join(parts, between)
}

func titles(columns []column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.title
	}
	return all
}

// table draws lines below the titles of their columns, each as wide as asked for.
func (s style) table(columns []column, lines []line, width int) []string {
	columns = layout(columns, width)
	all := []string{s.paint(faint, fit(write(columns, titles(columns)), width, false))}
	for _, l := range lines {
		all = append(all, s.paint(l.look, fit(write(columns, l.cells), width, false)))
	}
	return all
}
