package top

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// A loop has the figures of one event loop.
type loop struct {
	Loop        int    `json:"loop"` // its number, from 0
	Subscribers int    `json:"subscribers"`
	Backlog     int    `json:"backlog_bytes"`
	Deliveries  uint64 `json:"deliveries"`
	BytesOut    uint64 `json:"bytes_out"`
	Newest      uint64 `json:"newest"` // the number of the newest message that it has delivered
}

// A loopRow is an event loop with its rates and its lag.
type loopRow struct {
	loop
	deliveryRate, byteRate float64 // per second; unknown: NaN
	behind                 uint64  // messages that the loop furthest ahead has delivered, but this one has not
}

// loopRows returns the rows for the loops of two answers, the second of them some seconds later.
// before may be empty.
func loopRows(before, now []loop, seconds float64) []loopRow {
	newest := uint64(0)
	for i := range now {
		newest = max(newest, now[i].Newest)
	}
	rows := make([]loopRow, len(now))
	for i, l := range now {
		rows[i] = loopRow{l, math.NaN(), math.NaN(), newest - l.Newest}
		if i < len(before) {
			rows[i].deliveryRate = growth(before[i].Deliveries, l.Deliveries, seconds)
			rows[i].byteRate = growth(before[i].BytesOut, l.BytesOut, seconds)
		}
	}
	return rows
}

// growth returns the rate of a counter, or NaN if it is not known.
func growth(before, now uint64, seconds float64) float64 {
	if now < before || seconds <= 0 {
		return math.NaN()
	}
	return float64(now-before) / seconds
}

// A loopColumn is a column of the table of loops.
type loopColumn struct {
	column
	cell func(*loopRow) string
}

var loopColumns = []loopColumn{
	{column{title: "loop", width: 4}, func(r *loopRow) string { return strconv.Itoa(r.Loop) }},
	{column{title: "subscribers", width: 11, right: true}, func(r *loopRow) string { return count(float64(r.Subscribers)) }},
	{column{title: "deliveries/s", width: 12, right: true}, func(r *loopRow) string { return count(r.deliveryRate) }},
	{column{title: "bytes/s", width: 9, right: true}, func(r *loopRow) string { return size(r.byteRate) }},
	{column{title: "backlog", width: 9, right: true}, func(r *loopRow) string { return size(float64(r.Backlog)) }},
	{column{title: "messages behind", width: 15, right: true}, func(r *loopRow) string { return count(float64(r.behind)) }},
}

// loopColumnsFor returns the columns that fit into a width. The number of the loop and its lag are
// always among them.
func loopColumnsFor(width int) []loopColumn {
	columns := slices.Clone(loopColumns)
	for _, title := range []string{"bytes/s", "backlog", "deliveries/s", "subscribers"} {
		needed := len(between) * (len(columns) - 1)
		for _, c := range columns {
			needed += c.width
		}
		if needed <= width {
			break
		}
		columns = slices.DeleteFunc(columns, func(c loopColumn) bool { return c.title == title })
	}
	return columns
}

// loopTable returns the columns of the table of loops, and the cells of each row.
func loopTable(rows []loopRow, width int) (columns []column, lines [][]string) {
	chosen := loopColumnsFor(width)
	for _, c := range chosen {
		columns = append(columns, c.column)
	}
	for i := range rows {
		cells := make([]string, len(chosen))
		for k, c := range chosen {
			cells[k] = c.cell(&rows[i])
		}
		lines = append(lines, cells)
	}
	return columns, lines
}

// worstLoops returns the n rows that are furthest behind or have the largest backlogs, in the order
// of their numbers.
func worstLoops(rows []loopRow, n int) []loopRow {
	worst := slices.Clone(rows)
	slices.SortStableFunc(worst, func(a, b loopRow) int {
		return cmp.Or(cmp.Compare(b.behind, a.behind), cmp.Compare(b.Backlog, a.Backlog))
	})
	worst = worst[:min(n, len(worst))]
	slices.SortFunc(worst, func(a, b loopRow) int { return cmp.Compare(a.Loop, b.Loop) })
	return worst
}

// takeLoops computes the rows of an answer's loops. It must be called before the answer replaces
// the previous one.
func (m *model) takeLoops(s *status, at time.Time) {
	var before []loop
	if m.status != nil && m.status.StartupTime == s.StartupTime && !m.counted.IsZero() {
		before = m.status.Loops
	}
	m.loops = loopRows(before, s.Loops, at.Sub(m.counted).Seconds())
}

// loopLines returns the table of loops in at most height lines, or nothing if there is only one
// loop. If not all loops fit, it shows the worst ones.
func (m *model) loopLines(height int) []string {
	if len(m.loops) < 2 {
		return nil
	}
	shown, more := m.loops, 0
	if len(m.loops)+1 > height {
		shown = worstLoops(m.loops, height-2) // two lines for the titles and the number of the others
		more = len(m.loops) - len(shown)
	}
	columns, cells := loopTable(shown, m.width)
	lines := make([]line, len(cells))
	for i := range cells {
		lines[i] = line{cells: cells[i]}
	}
	drawn := m.style.table(columns, lines, m.width)
	if more > 0 {
		drawn = append(drawn, m.style.paint(faint, cut(fmt.Sprintf("… %d more loops", more), m.width)))
	}
	return drawn
}
