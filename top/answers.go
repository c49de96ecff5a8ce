package top

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssed/ssed/internal/storestatus"
)

// The types below are the answers of the admin pages, with the fields that top shows. Package admin
// documents the fields.

type sample struct {
	T           int64   `json:"t"` // milliseconds since 1970
	Subscribers int     `json:"subscribers"`
	Backlog     int     `json:"backlog"`
	Published   uint64  `json:"published"`
	Deliveries  uint64  `json:"deliveries"`
	BytesOut    uint64  `json:"bytes_out"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	RSSBytes    int64   `json:"rss_bytes"`
	LatencyMs   float64 `json:"latency_ms"`
}

type status struct {
	Node          text            `json:"node"`
	Version       text            `json:"version"`
	StartupTime   int64           `json:"startup_time"` // seconds since 1970
	UptimeSeconds int64           `json:"uptime_seconds"`
	Subscribers   int             `json:"subscribers"`
	Publishers    int             `json:"publishers"`
	Streams       int             `json:"streams"`
	Blocked       int             `json:"blocked"`
	Refused       uint64          `json:"refused"`
	TurnedAway    uint64          `json:"turned_away"`
	Skips         uint64          `json:"skips"`
	Disconnects   map[text]uint64 `json:"disconnects"`
	Stopping      bool            `json:"stopping"`
	Connections   []connection    `json:"connections"`
	Loops         []loop          `json:"loops"` // in the order of their numbers
	Store         *store          `json:"store"` // nil: the daemon has no store
}

// A store has the store's figures. Its Stream and Trouble are cleaned for the terminal, and hide
// the fields of the embedded Status.
type store struct {
	storestatus.Status
	Stream  text `json:"stream"`
	Trouble text `json:"trouble"`
}

type connection struct {
	ID         uint64 `json:"id"`
	ClientIP   text   `json:"client_ip"`
	UserAgent  text   `json:"user_agent"`
	Namespaces []text `json:"namespaces"`
	AgeSeconds int64  `json:"age_seconds"`
	MsgsSent   uint64 `json:"msgs_sent"`
	LagBytes   uint64 `json:"lag_bytes"`
	Blocked    bool   `json:"blocked"`
}

// A set is one subscription set with its subscribers.
type set struct {
	Namespaces  []text `json:"namespaces"`
	Subscribers int    `json:"subscribers"`
	Messages    uint64 `json:"messages"`
	Stream      uint64 `json:"stream"` // identifies the stream: if it changes, Messages restarted from 0
}

// A query selects the connections to request.
type query struct {
	slowest   bool   // furthest behind first; otherwise the oldest first
	namespace string // only connections that subscribe to it, or to a namespace below it; "" for all
	limit     int
}

// order returns the order in words.
func (q query) order() string {
	if q.slowest {
		return "slowest first"
	}
	return "oldest first"
}

func joined(namespaces []text) string {
	words := make([]string, len(namespaces))
	for i, ns := range namespaces {
		words[i] = string(ns)
	}
	return strings.Join(words, " ")
}

// endings returns the numbers of disconnects by reason, the most frequent reason first.
func (s *status) endings() string {
	reasons := slices.SortedFunc(maps.Keys(s.Disconnects), func(a, b text) int {
		return cmp.Or(cmp.Compare(s.Disconnects[b], s.Disconnects[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, why := range reasons {
		if n := s.Disconnects[why]; n > 0 {
			words = append(words, fmt.Sprintf("%s %s", why, count(float64(n))))
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, " · ")
}

// line returns the state of the store, its main figures, and its trouble if there is any.
func (s *store) line() string {
	state := "live"
	switch {
	case !s.Reached:
		state = "unavailable"
	case !s.Connected:
		state = "connection lost"
	case s.Trouble != "":
		state = "in trouble"
	case !s.Live:
		state = "catching up"
	}
	line := fmt.Sprintf("%s %s · last %s · lag %s · unanswered %s · refused %s", s.Stream, state,
		count(float64(s.Last)), count(float64(s.Lag)), count(float64(s.Unanswered)), count(float64(s.Refused)))
	if s.Trouble != "" {
		line += " · " + string(s.Trouble)
	}
	return line
}

// others returns the figures that have no chart.
func (s *status) others() string {
	return fmt.Sprintf("publishers %d · streams %s · blocked %s · refused %s · turned away %s · skips %s",
		s.Publishers, count(float64(s.Streams)), count(float64(s.Blocked)),
		count(float64(s.Refused)), count(float64(s.TurnedAway)), count(float64(s.Skips)))
}
