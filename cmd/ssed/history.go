package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/nsindex"
)

// A historyRule is one --history-for: "PREFIX=N" or "PREFIX=N,AGE".
type historyRule ssed.HistoryRule

// UnmarshalText reads a rule, for kong.
func (r *historyRule) UnmarshalText(text []byte) error {
	prefix, rest, ok := strings.Cut(string(text), "=")
	number, age, hasAge := strings.Cut(rest, ",")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 {
		return fmt.Errorf("%q is no rule: it must be PREFIX=N or PREFIX=N,AGE, such as /chat=1000,24h", text)
	}
	if prefix, err = nsindex.Canonical(prefix); err != nil {
		return fmt.Errorf("the prefix of %q: %w", text, err)
	}
	*r = historyRule{Prefix: prefix, Messages: n}
	if !hasAge {
		return nil
	}
	if r.Age, err = time.ParseDuration(age); err != nil || r.Age < time.Second {
		return fmt.Errorf("the age of %q must be 1s or more, such as 90s or 24h", text)
	}
	return nil
}

// String writes a rule as UnmarshalText reads it.
func (r historyRule) String() string {
	text := r.Prefix + "=" + strconv.Itoa(r.Messages)
	if r.Age > 0 {
		text += "," + r.Age.String()
	}
	return text
}

// history is what is kept of which namespaces: what --history says, unless a
// --history-for says something else.
func (f *daemonFlags) history() []ssed.HistoryRule {
	rules := make([]ssed.HistoryRule, 0, len(f.HistoryFor)+1)
	for _, r := range f.HistoryFor {
		r.Age = cmp.Or(r.Age, f.HistoryAge)
		rules = append(rules, ssed.HistoryRule(r))
	}
	return append(rules, ssed.HistoryRule{Prefix: "/", Messages: f.History, Age: f.HistoryAge})
}
