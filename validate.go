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
	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// A FieldError reports an invalid field of Options.
type FieldError struct {
	Field string // name of the field, such as "Heartbeat" or "Handover.Paths"
	Value any    // the invalid value, after defaults are applied; for a list, the invalid entry
	Err   error  // the problem, without the field's name
}

// Error returns the field's name, its value if it is a number or a duration, and the problem.
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

// Validate reports all problems of the options. It returns nil, or the result of errors.Join with
// one *FieldError for each problem. New returns the same error. Validate opens nothing and does not
// check whether addresses are in use.
func (o Options) Validate() error {
	_, err := o.resolve()
	return err
}

// Bounds of reconnection times. With shorter times, a crowd of refused clients would become a flood
// of requests. With longer ones, a page would look dead.
const (
	retryLeast = 100 * time.Millisecond
	retryMost  = time.Hour
	retryTimes = "expected 100ms to 1h"
)

// secondLeast is the minimum of durations that the loop checks once a second.
const secondLeast = time.Second

// A checker collects problems while it parses options.
type checker struct{ wrong []error }

// blame records err for a field, unless err is nil.
func (c *checker) blame(field string, value any, err error) {
	if err != nil {
		c.wrong = append(c.wrong, &FieldError{field, value, err})
	}
}

// refuse records a problem with a field if the condition broken is true.
func (c *checker) refuse(broken bool, field string, value any, format string, args ...any) {
	if broken {
		c.blame(field, value, fmt.Errorf(format, args...))
	}
}

// resolve applies defaults, parses all fields and returns the hub's configuration. The error joins
// a FieldError for each problem.
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
		Loops:        o.Loops,
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
	c.refuse(o.Loops > openfiles.LoopsMax, "Loops", o.Loops, "must be at most %d", openfiles.LoopsMax)
	c.refuse(o.Loops > 1 && len(o.Publish) > 0, "Publish", o.Publish,
		"must be empty with Loops=%d: publishers need an event loop of their own, such as publish/evioserver with Server.Publishers", o.Loops)
	return config, errors.Join(c.wrong...)
}

// endpoints parses a list of addresses.
func (c *checker) endpoints(field string, addresses []string, parse func(string) (listen.Endpoint, error)) (parsed []listen.Endpoint) {
	for _, address := range addresses {
		e, err := parse(address)
		c.blame(field, address, err)
		parsed = append(parsed, e)
	}
	return parsed
}

// parseAll parses a list as a whole. If that fails, it reports each entry that is invalid on its
// own. If every entry is valid, it reports the list, because only the combination is invalid.
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

// history returns the rules with canonical prefixes, the longest first. With a Store there must be
// no rules.
func (c *checker) history(rules []HistoryRule, withStore bool) []HistoryRule {
	if withStore {
		c.refuse(len(rules) > 0, "History", rules, "must be empty with a Store, which keeps its own history")
		return nil
	}
	rules = slices.Clone(rules)
	for i, r := range rules {
		prefix, err := nsindex.Canonical(r.Prefix)
		if err != nil {
			c.blame("History", r, fmt.Errorf("invalid prefix: %w", err))
			continue
		}
		rules[i].Prefix = prefix
		c.refuse(r.Messages < 0 || r.Age < 0 || r.Age > 0 && r.Age < loop.Tick, "History", r,
			"invalid rule for %s, messages=%d age=%v: expected 0 or more messages, and an age of 0 or at least %v", prefix, r.Messages, r.Age, loop.Tick)
	}
	slices.SortStableFunc(rules, func(a, b HistoryRule) int { return cmp.Compare(len(b.Prefix), len(a.Prefix)) })
	return rules
}

// numbers checks sizes and counts.
func (c *checker) numbers(o *Options) {
	for _, number := range o.numbers() {
		reason := fmt.Sprintf("must be %d or more, or 0 for the default", number.least)
		if *number.value == number.fallback { // only the default of ConnsMax can be too small
			reason = "the open-file limit leaves no room for subscribers: raise RLIMIT_NOFILE, or lower PublishersMax or Loops"
		}
		c.refuse(*number.value < number.least, number.field, *number.value, "%s", reason)
	}
	c.refuse(o.PublishersMax < 0, "PublishersMax", o.PublishersMax, "must be 1 or more, or 0 for the default")
	c.refuse(o.ConnsPerAddressMax < 0, "ConnsPerAddressMax", o.ConnsPerAddressMax, "must be 1 or more, or 0 for no limit")
}

// backlogs checks that each backlog has room for at least one message.
func (c *checker) backlogs(o *Options) {
	if o.BacklogBytesMax < 1 || o.BacklogTotalBytesMax < 1 || o.DataBytesMax < 1 {
		return
	}
	if frame := sse.FrameBytesMax(o.DataBytesMax); o.BacklogBytesMax < frame {
		c.refuse(true, "BacklogBytesMax", o.BacklogBytesMax,
			"too small for one message: %d bytes of data need up to %d bytes on the wire; raise it or lower DataBytesMax", o.DataBytesMax, frame)
	}
	c.refuse(o.BacklogTotalBytesMax < o.BacklogBytesMax, "BacklogTotalBytesMax", o.BacklogTotalBytesMax,
		"must be at least BacklogBytesMax=%d", o.BacklogBytesMax)
}

// times checks durations.
func (c *checker) times(o *Options) {
	for _, t := range o.times() {
		c.refuse(*t.value < t.least, t.field, *t.value, "must be %v or more", t.least)
	}
	shortest, longest := o.RetryMin, o.RetryMax
	c.refuse(shortest < retryLeast, "RetryMin", shortest, retryTimes)
	c.refuse(longest > retryMost, "RetryMax", longest, retryTimes)
	c.refuse(shortest > longest, "RetryMin", shortest, "must not exceed RetryMax=%v", longest)
}

// checkGapEvent checks Options.GapEvent. A browser must be able to distinguish the gap event from
// publishers' events. So the name cannot be "message", which is the type of every event without a
// name (HTML section 9.2.6). It cannot be "open" or "error" either: an EventSource fires those for
// its connection (section 9.2.3), so a page would mistake the gap for them.
func checkGapEvent(name string) error {
	switch name {
	case "message":
		return fmt.Errorf("%w: browsers use %q for every event without a name; choose another name", sse.ErrEvent, name)
	case "open", "error":
		return fmt.Errorf("%w: browsers fire %q for the connection itself; choose another name", sse.ErrEvent, name)
	}
	return sse.CheckEvent(name)
}

// handover checks a Handover. It refuses paths that no request can have.
func (c *checker) handover(h *Handover) {
	if h == nil {
		return
	}
	c.refuse(h.ConnsMax < 1, "Handover.ConnsMax", h.ConnsMax, "must be 1 or more, or 0 for the default")
	for _, p := range h.Paths {
		c.refuse(p != "/" && (!strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/")), "Handover.Paths", p,
			"invalid path %q: expected a leading slash and no trailing slash, such as %q", p, "/admin")
	}
}
