package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A byteSize is a number of bytes that people write as 65536, 64KiB, 1MiB or
// 2GiB (the binary prefixes of IEC 80000-13). It is never zero or negative: a
// limit of nothing would be a daemon that serves nobody.
type byteSize int

// byteUnits from the greatest to the smallest, so that String finds the best.
var byteUnits = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText reads a size, such as "64KiB". Kong calls it for flags, defaults
// and the environment.
func (s *byteSize) UnmarshalText(text []byte) error {
	number, unit := string(text), 1
	for _, u := range byteUnits {
		if before, found := strings.CutSuffix(number, u.name); found {
			number, unit = strings.TrimSpace(before), u.bytes
			break
		}
	}
	n, err := strconv.Atoi(number)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && n > math.MaxInt/unit:
		return fmt.Errorf("%q is too much", text)
	case err != nil:
		return fmt.Errorf("%q is no size: write bytes (65536), or 64KiB, 1MiB, 2GiB", text)
	case n <= 0:
		return fmt.Errorf("%q: a size must be more than 0", text)
	}
	*s = byteSize(n * unit)
	return nil
}

// String writes a size in the greatest unit that divides it.
func (s byteSize) String() string {
	for _, u := range byteUnits {
		if int(s)%u.bytes == 0 && s != 0 {
			return strconv.Itoa(int(s)/u.bytes) + u.name
		}
	}
	return strconv.Itoa(int(s))
}
