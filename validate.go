package ssed

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssed/ssed/internal/hub"
	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// A FieldError says what is wrong with one field of Options.
type FieldError struct {
	Field string // its name, such as "Heartbeat" or "Handover.Paths"
	Value any    // its value, the default if that was zero; for a list the entry that is wrong
	Err   error  // what is wrong with it, without the field's name
}

// Error names the field, and its value if that is a number or a time.
func (e *FieldError) Error() string {
	field := e.Field
	switch e.Value.(type) {
	case int, time.Duration:
		field += fmt.Sprintf("=%v", e.Value)
	}
	return "ssed: " + field + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// Validate reports everything that is wrong with the options: nil, or what errors.Join
// returns for one *FieldError for each problem. New returns the same error. It does not
// ask whether addresses are free, and opens nothing.
func (o Options) Validate() error {
	_, err := o.resolve()
	return err
}

// Bounds of reconnection times. Shorter ones would turn a crowd that is refused into a
// flood. After longer ones a page looks dead.
const (
	retryLeast = 100 * time.Millisecond
	retryMost  = time.Hour
)

// secondLeast is the least time of what the loop looks at once a second.
const secondLeast = time.Second

// A checker collects what is wrong, and parses.
type checker struct{ wrong []error }

// blame notes what is wrong with a field, if err is not nil.
func (c *checker) blame(field string, value any, err error) {
	if err != nil {
		c.wrong = append(c.wrong, &FieldError{field, value, err})
	}
}

// refuse notes that a condition is broken.
func (c *checker) refuse(broken bool, field string, value any, format string, args ...any) {
	if broken {
		c.blame(field, value, fmt.Errorf(format, args...))
	}
}

// resolve returns the options as the hub takes them, and a FieldError for each problem.
func (o Options) resolve() (hub.Config, error) {
	o = o.withDefaults()
	c := &checker{}
	config := hub.Config{
		Listen:       c.endpoints("Listen", o.Listen, listen.ParseListen),
		Publish:      c.endpoints("Publish", o.Publish, listen.ParseEndpoint),
		Tokens:       o.Tokens,
		DataBytesMax: o.DataBytesMax,
		Reserved:     o.ReservedEvents(),
		Hooks:        hub.Hooks{Began: o.OnSubscribe, Ended: o.OnUnsubscribe, Missed: o.OnUnreported},
		ReportsMax:   o.ReportsMax,
		Logger:       o.Logger,
		Loop: loop.Config{
			Origins:              parseAll(c, "CORSOrigins", o.CORSOrigins, subreq.ParseOrigins),
			Proxies:              parseAll(c, "TrustedProxies", o.TrustedProxies, subreq.ParseProxies),
			ProxyProtocol:        o.ProxyProtocol,
			History:              c.history(o.History, o.Store != nil),
			HistoryBytesMax:      o.HistoryBytesMax,
			GapEvent:             o.GapEvent,
			NoGapEvent:           o.NoGapEvent,
			Store:                o.Store,
			Handover:             o.Handover,
			Unfit:                o.Unfit,
			BacklogBytesMax:      o.BacklogBytesMax,
			BacklogTotalBytesMax: o.BacklogTotalBytesMax,
			Slow:                 o.Slow,
			MailboxBytesMax:      o.MailboxBytesMax,
			HeadBytesMax:         o.HeadBytesMax,
			SendBufferBytes:      o.SendBufferBytes,
			ConnsMax:             o.ConnsMax,
			ConnsPerAddressMax:   o.ConnsPerAddressMax,
			PublishersMax:        o.PublishersMax,
			Heartbeat:            o.Heartbeat,
			HeaderTimeout:        o.HeaderTimeout,
			StallTimeout:         o.StallTimeout,
			RetryMin:             o.RetryMin,
			RetryMax:             o.RetryMax,
			NoRetry:              o.NoRetry,
			Drain:                o.Drain,
			ReplyTimeout:         o.ReplyTimeout,
			Authorize:            o.Authorize,
			AuthorizeMax:         o.AuthorizeMax,
			AuthorizeTimeout:     o.AuthorizeTimeout,
			Logger:               o.Logger,
		},
	}
	c.numbers(&o)
	c.backlogs(&o)
	c.times(&o)
	c.blame("GapEvent", o.GapEvent, checkGapEvent(o.GapEvent))
	c.refuse(o.Slow > SlowSkip, "Slow", o.Slow, "must be SlowDisconnect or SlowSkip")
	c.handover(o.Handover)
	return config, errors.Join(c.wrong...)
}

// endpoints parses addresses.
func (c *checker) endpoints(field string, addresses []string, parse func(string) (listen.Endpoint, error)) (parsed []listen.Endpoint) {
	for _, address := range addresses {
		e, err := parse(address)
		c.blame(field, address, err)
		parsed = append(parsed, e)
	}
	return parsed
}

// parseAll parses a list as a whole. If that fails, it reports each entry that is wrong
// alone, or the list if only the combination is.
func parseAll[T any](c *checker, field string, texts []string, parse func([]string) (T, error)) T {
	all, err := parse(texts)
	if err == nil {
		return all
	}
	before := len(c.wrong)
	for _, text := range texts {
		_, err := parse([]string{text})
		c.blame(field, text, err)
	}
	if len(c.wrong) == before {
		c.blame(field, texts, err)
	}
	return all
}

// history returns the rules with canonical prefixes, the longest first.
func (c *checker) history(rules []HistoryRule, withStore bool) []HistoryRule {
	if withStore {
		c.refuse(len(rules) > 0, "History", rules, "it is for a server without a Store, which keeps everything that it has room for")
		return nil
	}
	rules = slices.Clone(rules)
	for i, r := range rules {
		prefix, err := nsindex.Canonical(r.Prefix)
		if err != nil {
			c.blame("History", r, fmt.Errorf("the prefix %q: %w", r.Prefix, err))
			continue
		}
		rules[i].Prefix = prefix
		c.refuse(r.Messages < 0 || r.Age < 0 || r.Age > 0 && r.Age < loop.Tick, "History", r,
			"%d messages of %s of an age up to %v cannot be kept: expected 0 or more messages, and 0 or %v or more", r.Messages, prefix, r.Age, loop.Tick)
	}
	slices.SortStableFunc(rules, func(a, b HistoryRule) int { return cmp.Compare(len(b.Prefix), len(a.Prefix)) })
	return rules
}

// numbers checks sizes and counts.
func (c *checker) numbers(o *Options) {
	for _, number := range o.numbers() {
		reason := fmt.Sprintf("must be %d or more, or 0 for the default", number.least)
		if *number.value == number.fallback { // only the default of ConnsMax can be too small
			reason = "the limit of open files leaves none for subscribers: raise RLIMIT_NOFILE or lower PublishersMax"
		}
		c.refuse(*number.value < number.least, number.field, *number.value, "%s", reason)
	}
	c.refuse(o.PublishersMax < 0, "PublishersMax", o.PublishersMax, "must be 1 or more, or 0 for the default")
	c.refuse(o.ConnsPerAddressMax < 0, "ConnsPerAddressMax", o.ConnsPerAddressMax, "must be 1 or more, or 0 for no limit")
}

// backlogs wants room for one message wherever messages wait.
func (c *checker) backlogs(o *Options) {
	if o.BacklogBytesMax < 1 || o.BacklogTotalBytesMax < 1 || o.DataBytesMax < 1 {
		return
	}
	if frame := sse.FrameBytesMax(o.DataBytesMax); o.BacklogBytesMax < frame {
		c.refuse(true, "BacklogBytesMax", o.BacklogBytesMax,
			"it cannot hold one message with %d bytes of data, which takes up to %d on the wire; raise it or lower DataBytesMax", o.DataBytesMax, frame)
	}
	c.refuse(o.BacklogTotalBytesMax < o.BacklogBytesMax, "BacklogTotalBytesMax", o.BacklogTotalBytesMax,
		"all backlogs together must hold one, of BacklogBytesMax=%d", o.BacklogBytesMax)
}

// times checks durations.
func (c *checker) times(o *Options) {
	for _, t := range o.times() {
		c.refuse(*t.value < t.least, t.field, *t.value, "must be %v or more", t.least)
	}
	shortest, longest := o.RetryMin, o.RetryMax
	c.refuse(shortest < retryLeast, "RetryMin", shortest, "expected %v to %v", retryLeast, retryMost)
	c.refuse(longest > retryMost, "RetryMax", longest, "expected %v to %v", retryLeast, retryMost)
	c.refuse(shortest > longest, "RetryMin", shortest, "the shortest must not be longer than the longest")
}

// checkGapEvent checks Options.GapEvent. The name must be one that publishers' events
// cannot have in a browser, and there an event without a name has the type "message"
// (HTML section 9.2.6). An EventSource fires "open" and "error" for its connection
// (section 9.2.3), so a page would take a gap of that name for those.
func checkGapEvent(name string) error {
	switch name {
	case "message":
		return fmt.Errorf("%w: browsers give the name %q to every event without one; use another name", sse.ErrEvent, name)
	case "open", "error":
		return fmt.Errorf("%w: browsers fire %q for the connection itself; use another name", sse.ErrEvent, name)
	}
	return sse.CheckEvent(name)
}

// handover refuses paths that no request could have.
func (c *checker) handover(h *Handover) {
	if h == nil {
		return
	}
	c.refuse(h.ConnsMax < 1, "Handover.ConnsMax", h.ConnsMax, "must be 1 or more, or 0 for the default")
	for _, p := range h.Paths {
		c.refuse(p != "/" && (!strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/")), "Handover.Paths", p,
			"%q must begin with a slash and end without one, such as %q", p, "/admin")
	}
}
