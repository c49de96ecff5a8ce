package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ssed/ssed"
)

// A retryRange is the value of --retry: the range from which each client gets a random time, such
// as "2s-6s", or one time for all, such as "3s".
type retryRange struct {
	min, max time.Duration
	off      bool // streams do not begin with a retry: field; refusals use the default times
}

// UnmarshalText parses a range. Kong calls it. ssed.Options.Validate checks the times.
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
			return fmt.Errorf("invalid time %q: expected a range such as 2s-6s, one time such as 3s, or off", text)
		}
	}
	if times[0] > times[1] {
		return fmt.Errorf("invalid range %s: the first time must not exceed the second", text)
	}
	*r = retryRange{min: times[0], max: times[1]}
	return nil
}

// String returns a range in the form that UnmarshalText parses.
func (r retryRange) String() string {
	switch {
	case r.off:
		return "off"
	case r.min == r.max:
		return r.min.String()
	}
	return r.min.String() + "-" + r.max.String()
}
