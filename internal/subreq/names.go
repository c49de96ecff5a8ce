package subreq

import (
	"bytes"
	"fmt"
	"slices"
)

// Names of parameters, as returned by [nameOf].
const (
	nameNamespace = "ns"
	nameToken     = "token"
	nameLast      = "last"
	nameSince     = "since"
	nameID        = "last_event_id"
	nameUnknown   = "" // the parameter is ignored
)

// filterWords are names that other hubs and their clients use for the parameter ns. A client that
// sends one of them does not want all messages.
var filterWords = []string{"ns", "namespace", "namespaces", "topic", "topics", "channel", "channels"}

// nameOf returns the parameter that a key of the query selects. Keys are percent-decoded before
// they are compared, and their case matters. "ns[]" and "ns[0]" select "ns", because axios, PHP and
// Rails write lists in this form.
//
// A key that looks like a filter but is not one, such as "topic" or "NS", is refused. If it were
// ignored, a client that asked for a few messages would get all of them. A key that cannot be
// decoded is refused for the same reason.
func nameOf(key []byte) (name string, refusal Refusal) {
	decoded, err := unescaped(key)
	if err != nil {
		return nameUnknown, refusalOf(err)
	}
	switch string(decoded) {
	case "ns":
		return nameNamespace, Refusal{}
	case "token":
		return nameToken, Refusal{}
	case "last":
		return nameLast, Refusal{}
	case "since":
		return nameSince, Refusal{}
	case "last_event_id", "lastEventId":
		return nameID, Refusal{}
	}
	switch {
	case isList(decoded):
		return nameNamespace, Refusal{}
	case looksLikeFilter(decoded):
		return nameUnknown, Refusal{400, fmt.Sprintf("unknown parameter %.40q: expected ns, such as ns=/pets", decoded)}
	}
	return nameUnknown, Refusal{}
}

// isList reports whether a key is "ns[]", or "ns[" followed by a number and "]".
func isList(key []byte) bool {
	rest, ok := bytes.CutPrefix(key, []byte("ns["))
	if !ok {
		return false
	}
	index, ok := bytes.CutSuffix(rest, []byte("]"))
	return ok && !slices.ContainsFunc(index, func(c byte) bool { return !isDigit(c) })
}

// looksLikeFilter reports whether a key is one of the filterWords, in any case. It also recognizes
// a word with white space around it or an index after it, as in "topic[]" or "ns.0".
func looksLikeFilter(key []byte) bool {
	if end := bytes.IndexAny(key, "[."); end >= 0 {
		key = key[:end]
	}
	key = bytes.TrimSpace(key)
	return slices.ContainsFunc(filterWords, func(word string) bool { return len(word) == len(key) && bytes.EqualFold(key, []byte(word)) })
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
