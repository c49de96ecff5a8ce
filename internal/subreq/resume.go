package subreq

import (
	"fmt"
	"strconv"
)

// A Resume is what a request says about the messages before the live ones. The id
// goes before the number, and that before the time.
type Resume struct {
	ID         []byte // of the last event that the client has; nil if it names none
	Last       int    // the newest so many messages are asked for; -1 if it does not say
	SinceNanos int64  // the messages of so many nanoseconds are asked for; -1 if it does not say
}

func (r *Resume) reset() { *r = Resume{Last: -1, SinceNanos: -1} }

// read takes one parameter of the query, still encoded.
func (r *Resume) read(name string, raw []byte) Refusal {
	value, err := unescaped(raw)
	if err != nil {
		return refusalOf(err)
	}
	if len(value) == 0 {
		return Refusal{} // as if it was absent: a client that has no value yet sends none
	}
	switch name {
	case nameLast:
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 {
			return Refusal{400, fmt.Sprintf("last=%.20q is no number of messages, such as 1", value)}
		}
		r.Last = n
	case nameSince:
		nanos, ok := parseDuration(value)
		if !ok || nanos < 0 {
			return Refusal{400, fmt.Sprintf("since=%.20q is no time, such as 30s or 5m", value)}
		}
		r.SinceNanos = nanos
	default:
		r.ID = value
	}
	return Refusal{}
}
