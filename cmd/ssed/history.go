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

// A historyRule is the value of one --history-for: "PREFIX=N" or "PREFIX=N,AGE".
type historyRule ssed.HistoryRule

// UnmarshalText parses a rule. Kong calls it.
func (r *historyRule) UnmarshalText(text []byte) error {
	prefix, rest, ok := strings.Cut(string(text), "=")
	number, age, hasAge := strings.Cut(rest, ",")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 {
		return fmt.Errorf("invalid rule %q: expected PREFIX=N or PREFIX=N,AGE, such as /chat=1000,24h", text)
	}
	if prefix, err = nsindex.Canonical(prefix); err != nil {
		return fmt.Errorf("invalid prefix in %q: %w", text, err)
	}
	*r = historyRule{Prefix: prefix, Messages: n}
	if !hasAge {
		return nil
	}
	if r.Age, err = time.ParseDuration(age); err != nil || r.Age < time.Second {
		return fmt.Errorf("invalid age in %q: expected 1s or more, such as 90s or 24h", text)
	}
	return nil
}

// String returns a rule in the form that UnmarshalText parses.
func (r historyRule) String() string {
	text := r.Prefix + "=" + strconv.Itoa(r.Messages)
	if r.Age > 0 {
		text += "," + r.Age.String()
	}
	return text
}

// history returns the rules that the flags define: one for each --history-for, and --history for
// all other namespaces.
func (f *daemonFlags) history() []ssed.HistoryRule {
	rules := make([]ssed.HistoryRule, 0, len(f.HistoryFor)+1)
	for _, r := range f.HistoryFor {
		r.Age = cmp.Or(r.Age, f.HistoryAge)
		rules = append(rules, ssed.HistoryRule(r))
	}
	return append(rules, ssed.HistoryRule{Prefix: "/", Messages: f.History, Age: f.HistoryAge})
}
