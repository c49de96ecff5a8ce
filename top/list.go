package top

import "slices"

// A list stores the selected row of a table. Rows have keys: when the order of the rows changes,
// the same row remains selected. The exception is the first row: if it is selected, the selection
// stays at the top.
type list struct {
	keys []uint64
	at   int
}

// set replaces the rows.
func (l *list) set(keys []uint64) {
	if l.at > 0 && l.at < len(l.keys) {
		if i := slices.Index(keys, l.keys[l.at]); i >= 0 {
			l.at = i
		}
	}
	l.keys = keys
	l.move(0)
}

// move moves the selection down by a number of rows, or up if it is negative, within the list.
func (l *list) move(by int) { l.at = max(0, min(l.at+by, len(l.keys)-1)) }

// window returns the range of rows to show in a number of lines. The selected row is in the middle
// if possible.
func (l *list) window(height int) (from, to int) {
	from = max(0, min(l.at-height/2, len(l.keys)-height))
	return from, min(len(l.keys), from+max(0, height))
}
