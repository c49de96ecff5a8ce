package top

import "slices"

// A list knows which of its rows is selected. Rows have keys: when they change
// their order, the selection goes with its row, unless that is the first, which
// one has not moved away from.
type list struct {
	keys []uint64
	at   int
}

// set puts new rows in place of the old ones.
func (l *list) set(keys []uint64) {
	if l.at > 0 && l.at < len(l.keys) {
		if i := slices.Index(keys, l.keys[l.at]); i >= 0 {
			l.at = i
		}
	}
	l.keys = keys
	l.move(0)
}

// move selects the row so many further down, or the last or the first.
func (l *list) move(by int) { l.at = max(0, min(l.at+by, len(l.keys)-1)) }

// window returns which rows to show where there is place for so many, with the
// selected one in the middle if that can be.
func (l *list) window(height int) (from, to int) {
	from = max(0, min(l.at-height/2, len(l.keys)-height))
	return from, min(len(l.keys), from+max(0, height))
}
