package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ssed/ssed/nsindex"
)

// A Right is an action that a token may allow.
type Right uint8

// The rights, with their words in a token line.
const (
	Subscribe Right = 1 << iota // "subscribe": read namespaces over HTTP
	Publish                     // "publish": send messages, after AUTH
	Admin                       // "admin": use the admin pages; includes Metrics
	Metrics                     // "metrics": read /metrics, but no other admin page
	all       = Subscribe | Publish | Admin | Metrics
)

// words are the words of the rights in token lines, in the order of the constants.
var words = []string{"subscribe", "publish", "admin", "metrics"}

// TokenBytesMin is the minimum length of a token. It catches mistakes such as a lone "-". It does
// not make a token secure: use 128 random bits.
const TokenBytesMin = 8

// badLinesMax limits the number of bad lines in an error, to keep the error readable.
const badLinesMax = 10

// ErrToken marks the errors for invalid token lines.
var ErrToken = errors.New("bad token line")

// A Table contains tokens. A nil Table is empty. A Table never changes, so any goroutine may read
// it.
type Table struct {
	entries []entry
	rights  Right // the union of the rights of all entries
}

type entry struct {
	digest [sha256.Size]byte
	rights Right
	prefix string
}

// A Grant is the set of namespaces for which a token has a right.
type Grant struct {
	prefixes []string
}

// ParseTable parses lines of the form "TOKEN [RIGHTS] [PREFIX]".
//
// RIGHTS is a comma-separated list of subscribe, publish, admin and metrics; admin includes
// metrics. The default is all rights. PREFIX is a namespace: the token is valid for it and all
// namespaces below it. The default is "/". Empty lines and lines that begin with "#" are ignored.
//
// The error wraps ErrToken and describes the first ten bad lines, counted from 1. It never contains
// a token.
func ParseTable(lines []string) (*Table, error) {
	t := &Table{}
	var bad []error
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		e, err := parseEntry(strings.Fields(line))
		if err != nil {
			bad = append(bad, fmt.Errorf("%w %d: %w", ErrToken, i+1, err))
			if len(bad) == badLinesMax {
				break // probably not a token file
			}
			continue
		}
		t.entries = append(t.entries, e)
		t.rights |= e.rights
	}
	if len(bad) > 0 {
		return nil, inOneLine(bad)
	}
	return t, nil
}

// inOneLine is like errors.Join, but the text of the error is one line, for the log.
func inOneLine(errs []error) error {
	all := errs[0]
	for _, err := range errs[1:] {
		all = fmt.Errorf("%w; %w", all, err)
	}
	return all
}

func parseEntry(fields []string) (entry, error) {
	if len(fields) > 3 {
		return entry{}, errors.New("it has more than three fields; expected a token, its rights and its namespace")
	}
	if len(fields[0]) < TokenBytesMin {
		unit := "bytes"
		if len(fields[0]) == 1 {
			unit = "byte"
		}
		return entry{}, fmt.Errorf("the token has %d %s; at least %d are required", len(fields[0]), unit, TokenBytesMin)
	}
	if _, ok := rightOf(fields[0]); ok {
		return entry{}, errors.New("it begins with a right; the token comes first")
	}
	e := entry{digest: sha256.Sum256([]byte(fields[0])), rights: all, prefix: "/"}
	if len(fields) > 1 {
		e.rights = 0
		for word := range strings.SplitSeq(fields[1], ",") {
			right, ok := rightOf(word)
			if !ok {
				return entry{}, errors.New("its second field is not a list of rights; expected a token, then subscribe, publish, admin or metrics, with commas between")
			}
			e.rights |= right
		}
		if e.rights&Admin != 0 {
			e.rights |= Metrics
		}
	}
	if len(fields) > 2 {
		prefix, err := nsindex.Canonical(fields[2])
		if err != nil {
			return entry{}, err
		}
		e.prefix = prefix
	}
	return e, nil
}

func rightOf(word string) (Right, bool) {
	if i := slices.Index(words, word); i >= 0 {
		return Subscribe << i, true
	}
	return 0, false
}

// Len returns the number of token lines in the table.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.entries)
}

// And returns a table with the tokens of both.
func (t *Table) And(other *Table) *Table {
	both := &Table{}
	for _, table := range []*Table{t, other} {
		if table != nil {
			both.entries = append(both.entries, table.entries...)
			both.rights |= table.rights
		}
	}
	return both
}

// Required reports whether right requires a token. It does if at least one token in the table has
// the right.
func (t *Table) Required(right Right) bool { return t != nil && t.rights&right != 0 }

// Opens returns the rights that require a token with old, but not with t. If t replaced old, every
// client would have these rights. The result never contains Metrics: if no token has that right,
// only clients that may see the admin pages can read /metrics.
func (t *Table) Opens(old *Table) (rights []Right) {
	for _, right := range []Right{Subscribe, Publish, Admin} {
		if old.Required(right) && !t.Required(right) {
			rights = append(rights, right)
		}
	}
	return rights
}

// String returns the word of the right in token lines.
func (r Right) String() string {
	for i, word := range words {
		if Subscribe<<i == r {
			return word
		}
	}
	return "several rights"
}

// Grant looks up a token. ok is false if the table does not contain the token with this right.
// Grant compares the token with every entry in constant time, even after it has found a match.
func (t *Table) Grant(token []byte, right Right) (grant Grant, ok bool) {
	if t == nil {
		return Grant{}, false
	}
	digest := sha256.Sum256(token)
	for i := range t.entries {
		e := &t.entries[i]
		if subtle.ConstantTimeCompare(digest[:], e.digest[:]) == 1 && e.rights&right != 0 {
			grant.prefixes = append(grant.prefixes, e.prefix)
		}
	}
	return grant, len(grant.prefixes) > 0
}

// Allows reports whether the grant includes a canonical namespace.
func (g Grant) Allows(namespace []byte) bool {
	for _, prefix := range g.prefixes {
		if nsindex.Within(namespace, prefix) {
			return true
		}
	}
	return false
}
