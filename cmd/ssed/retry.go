package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ssed/ssed"
)

// A retryRange is the value of --retry: between which times one is drawn for each
// client, as in "2s-6s", or one time for all, as in "3s".
type retryRange struct {
	min, max time.Duration
	off      bool // streams do not begin with it; refusals use the default times
}

// UnmarshalText reads a range, for kong. ssed.Options.Validate knows which are valid.
func (r *retryRange) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*r = retryRange{min: ssed.DefaultRetryMin, max: ssed.DefaultRetryMax, off: true}
		return nil
	}
	from, to, isRange := strings.Cut(string(text), "-")
	if !isRange {
		to = from
	}
	var times [2]time.Duration
	for i, part := range []string{from, to} {
		var err error
		if times[i], err = time.ParseDuration(part); err != nil {
			return fmt.Errorf("invalid retry time %q: expected a range such as 2s-6s, one time such as 3s, or off", text)
		}
	}
	*r = retryRange{min: times[0], max: times[1]}
	return nil
}

// String writes a range as UnmarshalText reads it.
func (r retryRange) String() string {
	switch {
	case r.off:
		return "off"
	case r.min == r.max:
		return r.min.String()
	}
	return r.min.String() + "-" + r.max.String()
}
