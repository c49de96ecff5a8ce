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

// A Right is one thing that a token may allow.
type Right uint8

// The rights, by their words in a token line.
const (
	Subscribe Right = 1 << iota // "subscribe": read namespaces over HTTP
	Publish                     // "publish": send messages, after AUTH
	Admin                       // "admin": see the admin pages, and act on them; includes Metrics
	Metrics                     // "metrics": read /metrics, and nothing else of the admin pages
	all       = Subscribe | Publish | Admin | Metrics
)

// words are the rights as token lines have them, in the order of the constants.
var words = []string{"subscribe", "publish", "admin", "metrics"}

// TokenBytesMin is the shortest token that is accepted. It keeps out slips such
// as a lone "-", and is no measure of a good token: take 128 random bits.
const TokenBytesMin = 8

// badLinesMax is how many bad lines an error tells: what fits a look.
const badLinesMax = 10

// ErrToken marks a token line that cannot be understood.
var ErrToken = errors.New("bad token line")

// A Table holds the tokens in force. A nil Table holds none. It does not change
// once made, so any goroutine may read it.
type Table struct {
	entries []entry
	rights  Right // what any of them allows
}

type entry struct {
	digest [sha256.Size]byte
	rights Right
	prefix string
}

// A Grant is what a token that was presented may do.
type Grant struct {
	prefixes []string
}

// ParseTable makes a Table of lines of the form "TOKEN [RIGHTS] [PREFIX]". RIGHTS is a
// comma-separated list of subscribe, publish, admin and metrics (default: all of them; admin
// includes metrics); PREFIX is a namespace (default "/"): the token is good there and below. Empty
// lines and lines that begin with "#" are passed over. The error wraps ErrToken, tells the first
// ten bad lines, counted from 1, and never shows a token.
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
				break // it is no file of tokens
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

// inOneLine is errors.Join for a log.
func inOneLine(errs []error) error {
	all := errs[0]
	for _, err := range errs[1:] {
		all = fmt.Errorf("%w; %w", all, err)
	}
	return all
}

func parseEntry(fields []string) (entry, error) {
	if len(fields) > 3 {
		return entry{}, errors.New(`it has more than three fields; write "TOKEN RIGHTS PREFIX"`)
	}
	if len(fields[0]) < TokenBytesMin {
		return entry{}, fmt.Errorf("the token has %d bytes, it must have %d or more", len(fields[0]), TokenBytesMin)
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

// Len returns how many tokens the table holds.
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

// Required tells whether right needs a token at all: it does as soon as one
// token is there that allows it.
func (t *Table) Required(right Right) bool { return t != nil && t.rights&right != 0 }

// Opens returns the rights that would be everybody's if t took old's place, though old
// keeps them to tokens. Metrics is never one of them: without a token that has it,
// /metrics is for those who may see the admin pages.
func (t *Table) Opens(old *Table) (rights []Right) {
	for _, right := range []Right{Subscribe, Publish, Admin} {
		if old.Required(right) && !t.Required(right) {
			rights = append(rights, right)
		}
	}
	return rights
}

// String is a right's word in token lines.
func (r Right) String() string {
	for i, word := range words {
		if Subscribe<<i == r {
			return word
		}
	}
	return "several rights"
}

// Grant looks a token up. ok is false if no token of the table equals it and
// has the right. Every entry is compared, in constant time, whatever the first
// ones say.
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

// Allows tells whether the grant covers a canonical namespace.
func (g Grant) Allows(namespace []byte) bool {
	for _, prefix := range g.prefixes {
		if nsindex.Within(namespace, prefix) {
			return true
		}
	}
	return false
}
