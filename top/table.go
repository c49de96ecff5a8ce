package top

import "strings"

// A column is a column of a table. Columns with a share divide the width that the others leave.
type column struct {
	title string
	width int
	share int
	right bool // the cells are aligned to the right, for numbers
}

// A line is a line of a table, with a cell for each column.
type line struct {
	cells []string
	look  look
}

// between separates two columns.
const between = " "

// layout returns the columns with their final widths, for a table of the given width.
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

// write formats one line of a table.
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

// table draws a table: the titles of the columns, and the lines. Each has the given width.
func (s style) table(columns []column, lines []line, width int) []string {
	columns = layout(columns, width)
	all := []string{s.paint(faint, fit(write(columns, titles(columns)), width, false))}
	for _, l := range lines {
		all = append(all, s.paint(l.look, fit(write(columns, l.cells), width, false)))
	}
	return all
}
