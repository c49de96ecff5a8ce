package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/sse"
)

// check reports to wrong what kong cannot know to be wrong, flag by flag. Nothing
// listens, and nothing is changed. Bounds of options are where the options are: this file
// has those of flags that are not options, and the words for options that depend on each
// other.
func (f *daemonFlags) check(wrong func(flag string, err error)) {
	f.checkHistory(wrong)
	f.checkNumbers(wrong)
	f.checkAdmin(wrong)
	f.checkOptions(wrong)
	f.checkStore(wrong)
	tokens, err := f.tokens()
	if err != nil {
		blameIn(err, wrong)
		return
	}
	endpoints, err := f.endpoints()
	if err != nil {
		blameIn(err, wrong)
		return
	}
	blameIn(checkExposure(endpoints, tokens), wrong)
}

// blameIn reports to wrong each flagError in an error.
func blameIn(err error, wrong func(flag string, err error)) {
	for _, err := range allOf(err) {
		if at, ok := errors.AsType[*flagError](err); ok {
			wrong(at.flag, at.err)
		}
	}
}

// allOf returns the errors that errors.Join has joined.
func allOf(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// flagOf maps the fields of ssed.Options to the flags that set them.
var flagOf = map[string]string{
	"Listen":               "listen",
	"Publish":              "publish",
	"CORSOrigins":          "cors-origin",
	"TrustedProxies":       "trusted-proxy",
	"BacklogBytesMax":      "backlog",
	"BacklogTotalBytesMax": "backlog-total",
	"MailboxBytesMax":      "mailbox",
	"DataBytesMax":         "data-max",
	"HeadBytesMax":         "head-max",
	"SendBufferBytes":      "sndbuf",
	"ConnsMax":             "max-conns",
	"ConnsPerAddressMax":   "max-conns-per-ip",
	"PublishersMax":        "max-publishers",
	"Slow":                 "slow",
	"History":              "history-for",
	"HistoryBytesMax":      "history-bytes",
	"GapEvent":             "gap-event",
	"Heartbeat":            "heartbeat",
	"HeaderTimeout":        "header-timeout",
	"StallTimeout":         "stall-timeout",
	"RetryMin":             "retry",
	"RetryMax":             "retry",
}

// ofFlags returns an error of ssed.Options with flagErrors in place of its FieldErrors.
func (f *daemonFlags) ofFlags(err error) error {
	var named []error
	for _, err := range allOf(err) {
		at, ok := errors.AsType[*ssed.FieldError](err)
		if flag := ""; ok {
			if flag, ok = flagOf[at.Field]; ok {
				err = &flagError{flag, f.inWordsOfFlags(at)}
			}
		}
		named = append(named, err)
	}
	if len(named) == 1 {
		return named[0]
	}
	return errors.Join(named...)
}

// holdsNoMessage is wrong with a size in which messages wait.
const holdsNoMessage = "%v cannot hold one message of %v (--data-max), which takes up to six times that on the wire"

// inWordsOfFlags returns what is wrong with an option, without the names of other options.
func (f *daemonFlags) inWordsOfFlags(e *ssed.FieldError) error {
	switch e.Field {
	case "BacklogBytesMax":
		return fmt.Errorf(holdsNoMessage, f.Backlog, f.DataMax)
	case "BacklogTotalBytesMax":
		return fmt.Errorf("%v for all backlogs together cannot hold one of %v (--backlog)", f.BacklogTotal, f.Backlog)
	case "RetryMin", "RetryMax":
		return fmt.Errorf("invalid times %v to %v: %w", f.Retry.min, f.Retry.max, e.Err)
	}
	return e.Err
}

// checkOptions reports what is wrong with the options. How many connections there can be
// depends on limits that are not raised yet, so the defaults of their numbers are left to
// newDaemon.
func (f *daemonFlags) checkOptions(wrong func(flag string, err error)) {
	options := f.options(nil, f.MaxConns, f.MaxPublishers, nil)
	if options.ConnsMax == 0 {
		options.ConnsMax = 1
	}
	options.Publish = f.Publish
	options.History = nil // checkHistory knows which flag is wrong
	if err := options.Validate(); err != nil {
		blameIn(f.ofFlags(err), wrong)
	}
}

// checkHistory checks the flags that become rules together.
func (f *daemonFlags) checkHistory(wrong func(flag string, err error)) {
	if f.History < 0 {
		wrong("history", errors.New("must be 0 (none is kept) or more messages"))
	}
	switch {
	case f.HistoryAge < 0 || f.HistoryAge > 0 && f.HistoryAge < time.Second:
		wrong("history-age", errors.New("must be 1s or more, or 0s for no limit"))
	case f.History == 0 && f.HistoryAge > 0 && len(f.HistoryFor) == 0:
		wrong("history-age", errors.New("nothing is kept without --history"))
	}
	if (f.History > 0 || len(f.HistoryFor) > 0) && int(f.HistoryBytes) < sse.FrameBytesMax(int(f.DataMax)) {
		wrong("history-bytes", fmt.Errorf(holdsNoMessage, f.HistoryBytes, f.DataMax))
	}
}

// checkNumbers knows what is too small to be meant.
func (f *daemonFlags) checkNumbers(wrong func(flag string, err error)) {
	for _, rule := range []struct {
		flag   string
		broken bool
		says   string
	}{
		{"nats-stream-age", f.NATSStreamAge < 0 || f.NATSStreamAge > 0 && f.NATSStreamAge < 100*time.Millisecond, "must be 100ms or more, or 0s for no limit"},
		{"nats-stream-per-namespace", f.NATSStreamPerNamespace < 0, "must be 1 or more, or 0 for no limit"},
		{"nats-stream-replicas", f.NATSStreamReplicas < 1 || f.NATSStreamReplicas > 5, "must be 1 to 5"},
		{"nats-stream-replicas", f.Store != "" && f.NATSStreamReplicas > 1, "a store of this daemon's own has one; several take several NATS servers"},
		{"nats-timeout", f.NATSTimeout < 100*time.Millisecond, "must be 100ms or more"},
		{"drain", f.Drain < 0, "must be 0s (all at once) or more"}, // a negative option means "at once"
	} {
		if rule.broken {
			wrong(rule.flag, errors.New(rule.says))
		}
	}
}

// checkAdmin reads the address of the admin pages. Whether it is free is not asked: the
// daemon itself may be using it.
func (f *daemonFlags) checkAdmin(wrong func(flag string, err error)) {
	if f.Admin == adminOn || f.Admin == adminOff {
		return
	}
	if _, err := listen.ParseEndpoint("tcp://" + f.Admin); err != nil {
		wrong("admin", fmt.Errorf("must be on, off, or an address such as localhost:8003, not %q", f.Admin))
	}
}
