package auth

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// FuzzParseTable verifies that accepted lines have the effect that they describe, that a bad line
// is refused independently of other lines, and that no error contains a token.
func FuzzParseTable(f *testing.F) {
	for _, lines := range []string{"", "s3cret-s3cret", "s3cret-s3cret subscribe,publish\n# who\nanother-one admin /pets", "abc",
		"s3cret-s3cret metrics", "s3cret-s3cret metrics,admin /", "s3cret-s3cret fly", "s3cret-s3cret publish,", "subscribe s3cret-s3cret", "s3cret-s3cret publish pets", "s3cret-s3cret publish / now"} {
		f.Add(lines)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		table, err := ParseTable(lines)
		if err != nil {
			checkRefusal(t, lines, err)
			return
		}
		tokens := 0
		for _, line := range lines {
			fields := strings.Fields(line)
			if len(fields) == 0 || fields[0][0] == '#' {
				continue
			}
			tokens++
			checkEntry(t, table, fields)
		}
		if table.Len() != tokens {
			t.Fatalf("%d tokens of %q", table.Len(), text)
		}
	})
}

// checkEntry checks that a token has exactly the rights and the prefix in its line.
func checkEntry(t *testing.T, table *Table, fields []string) {
	rights, prefix := words, "/"
	if len(fields) > 1 {
		rights = strings.Split(fields[1], ",")
	}
	if len(fields) > 2 && fields[2] != "/" {
		prefix = strings.TrimSuffix(fields[2], "/")
	}
	if slices.Contains(rights, "admin") {
		rights = append(slices.Clone(rights), "metrics")
	}
	for _, word := range rights {
		right, ok := rightOf(word)
		grant, known := table.Grant([]byte(fields[0]), right)
		if !ok || !known || !table.Required(right) || !grant.Allows([]byte(prefix)) {
			t.Fatalf("%q: no grant to %s %s", fields, word, prefix)
		}
	}
}

// checkRefusal checks that the error belongs to exactly one line.
func checkRefusal(t *testing.T, lines []string, err error) {
	if !errors.Is(err, ErrToken) {
		t.Fatalf("the error is %v", err)
	}
	for _, line := range lines {
		if _, alone := ParseTable([]string{line}); alone == nil {
			continue
		}
		// The token may equal a word of the error text, or a part of the namespace.
		token := strings.Fields(line)[0]
		const others = `bad token line: its second field is not a list of rights; expected a token, then subscribe, publish, admin or metrics, with commas between`
		if strings.Contains(err.Error(), token) && len(token) >= TokenBytesMin && strings.ContainsAny(token, "0123456789") && strings.Count(line, token) == 1 && !strings.Contains(others, token) {
			t.Fatalf("%q shows the token of %q", err, line)
		}
		return
	}
	t.Fatalf("each line is valid on its own, but all together are refused: %v", err)
}
