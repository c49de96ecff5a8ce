package top

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// unknown is shown for a figure whose value is not known (yet), which is NaN.
const unknown = "-"

// count formats 1234567 as 1,234,567. A fraction below ten keeps one decimal.
func count(v float64) string {
	if math.IsNaN(v) {
		return unknown
	}
	if v < 9.95 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// size formats a number of bytes, such as 1.2 MiB.
func size(v float64) string {
	if math.IsNaN(v) {
		return unknown
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for v >= 999.5 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 || v >= 99.95 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return unknown
	}
	return count(v) + " %"
}

func millis(v float64) string {
	if math.IsNaN(v) {
		return unknown
	}
	if v < 9.995 {
		return fmt.Sprintf("%.2f ms", v)
	}
	return count(v) + " ms"
}

// age formats a time in its two largest units, such as 3h 02m.
func age(seconds int64) string {
	d := time.Duration(max(0, seconds)) * time.Second
	h, m, s := int64(d.Hours()), int64(d.Minutes())%60, seconds%60
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, seconds))
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", m, s)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %02dm", h, m)
	default:
		return fmt.Sprintf("%dd %02dh", h/24, h%24)
	}
}
