package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/store"
)

// check reports to wrong what kong cannot know to be wrong, flag by flag. Nothing
// listens, and nothing is changed. Bounds of options are where the options are: this file
// has those of flags that are not options, and the words for options that depend on each
// other.
func (f *daemonFlags) check(wrong func(flag string, err error)) {
	f.checkHistory(wrong)
	if f.Drain < 0 { // as an option it means "at once"
		wrong("drain", errors.New("must be 0s (all at once) or more"))
	}
	f.checkAdmin(wrong)
	f.checkOptions(wrong)
	f.checkStore(wrong)
	tokens, err := f.tokens()
	blameIn(err, wrong)
	endpoints, wrongURL := listen.ParseEndpoints(f.Publish) // checkOptions reports it
	if err == nil && wrongURL == nil {
		blameIn(checkExposure(endpoints, tokens), wrong)
	}
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

// flagOf maps the fields of ssed.Options and of store.Options to the flags that set them.
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

	"Embedded":            "store",
	"Servers.URLs":        "nats",
	"Servers.CertFile":    "nats-cert-file",
	"Stream.Name":         "nats-stream",
	"Stream.MaxAge":       "nats-stream-age",
	"Stream.PerNamespace": "nats-stream-per-namespace",
	"Stream.Replicas":     "nats-stream-replicas",
	"Timeout":             "nats-timeout",
}

// ofFlags returns an error of ssed.Options or store.Options with flagErrors in place of its
// FieldErrors.
func (f *daemonFlags) ofFlags(err error) error {
	var named []error
	for _, err := range allOf(err) {
		at, _ := errors.AsType[*ssed.FieldError](err)
		if ofStore, ok := errors.AsType[*store.FieldError](err); ok {
			at = (*ssed.FieldError)(ofStore)
		}
		if at != nil && flagOf[at.Field] != "" {
			err = &flagError{flagOf[at.Field], f.inWordsOfFlags(at)}
		}
		named = append(named, err)
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
	case "Embedded":
		return errors.New("a store of this daemon's own and NATS servers (--nats) exclude each other")
	}
	return e.Err
}

// checkOptions reports what is wrong with the options. How many connections there can be
// depends on limits that are not raised yet, so the defaults of their numbers are left to
// newDaemon.
func (f *daemonFlags) checkOptions(wrong func(flag string, err error)) {
	options := f.options(nil, cmp.Or(f.MaxConns, 1), f.MaxPublishers, nil)
	options.Publish = f.Publish
	options.History = nil // checkHistory knows which flag is wrong
	blameIn(f.ofFlags(options.Validate()), wrong)
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
