package subreq

import (
	"fmt"
	"strconv"
	"time"
)

// A Resume selects the messages that a client wants before the live ones. The id takes precedence
// over the number, and the number over the time.
type Resume struct {
	ID    []byte        // id of the last event that the client has; nil if not given
	Last  int           // how many of the newest messages to send; -1 if not given
	Since time.Duration // age of the oldest message to send; -1 if not given
}

func (r *Resume) reset() { *r = Resume{Last: -1, Since: -1} }

// read parses one parameter of the query, which is still encoded.
func (r *Resume) read(name string, raw []byte) Refusal {
	value, err := unescaped(raw)
	if err != nil {
		return refusalOf(err)
	}
	if len(value) == 0 {
		return Refusal{} // an empty value counts as absent: clients send it before they have an id
	}
	switch name {
	case nameLast:
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 {
			return Refusal{400, fmt.Sprintf("invalid last=%.20q: expected a non-negative integer", value)}
		}
		r.Last = n
	case nameSince:
		since, err := time.ParseDuration(string(value))
		if err != nil || since < 0 {
			return Refusal{400, fmt.Sprintf("invalid since=%.20q: expected a duration such as 30s or 5m", value)}
		}
		r.Since = since
	default:
		r.ID = value
	}
	return Refusal{}
}
