package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A byteSize is a number of bytes that users write as 65536, 64KiB, 1MiB or 2GiB (the binary
// prefixes of IEC 80000-13). It is always positive, because a daemon with a limit of 0 could serve
// no client.
type byteSize int

// byteUnits are sorted from largest to smallest, so that String finds the largest that fits.
var byteUnits = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText parses a size, such as "64KiB". Kong calls it for flags, defaults and environment
// variables.
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
		return fmt.Errorf("size %q is too large", text)
	case err != nil:
		return fmt.Errorf("invalid size %q: expected bytes (65536), or 64KiB, 1MiB or 2GiB", text)
	case n <= 0:
		return fmt.Errorf("invalid size %q: must be greater than 0", text)
	}
	*s = byteSize(n * unit)
	return nil
}

// String writes a size in the largest unit that divides it.
func (s byteSize) String() string {
	for _, u := range byteUnits {
		if int(s)%u.bytes == 0 && s != 0 {
			return strconv.Itoa(int(s)/u.bytes) + u.name
		}
	}
	return strconv.Itoa(int(s))
}
