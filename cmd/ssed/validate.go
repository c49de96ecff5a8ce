package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/store"
)

// check reports errors that kong cannot find, flag by flag, to wrong. It does not listen and
// changes nothing. The packages of the options check the limits of options. This file checks the
// flags that are not options, and rewords errors about options that depend on each other.
func (f *daemonFlags) check(wrong func(flag string, err error)) {
	f.checkHistory(wrong)
	if f.Drain < 0 { // a negative option has another meaning
		wrong("drain", fmt.Errorf("invalid value %v: must be 0 or more", f.Drain))
	}
	f.checkAdmin(wrong)
	f.checkLoops(wrong)
	f.checkOptions(wrong)
	f.checkStore(wrong)
	tokens, err := f.tokens()
	blameIn(err, wrong)
	endpoints, wrongURL := listen.ParseEndpoints(f.Publish) // checkOptions reports wrongURL
	if err == nil && wrongURL == nil {
		blameIn(checkExposure(endpoints, tokens), wrong)
	}
}

// blameIn reports each flagError in err to wrong.
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
	"Loops":                "loops",
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

// asFlagErrors replaces each FieldError of ssed.Options or store.Options in err by a flagError.
func (f *daemonFlags) asFlagErrors(err error) error {
	var named []error
	for _, err := range allOf(err) {
		at, _ := errors.AsType[*ssed.FieldError](err)
		if ofStore, ok := errors.AsType[*store.FieldError](err); ok {
			at = (*ssed.FieldError)(ofStore)
		}
		if at != nil && flagOf[at.Field] != "" {
			err = &flagError{flagOf[at.Field], f.withFlagNames(at)}
		}
		named = append(named, err)
	}
	return errors.Join(named...)
}

// holdsNoMessage is the error for a size that is too small for one message.
const holdsNoMessage = "%v cannot hold one message of %v (--data-max), which can take up to six times that size on the wire"

// withFlagNames returns the error about an option, with the value of the flag, and with the names
// of flags in place of the names of other options.
func (f *daemonFlags) withFlagNames(e *ssed.FieldError) error {
	switch e.Field {
	case "BacklogBytesMax":
		return fmt.Errorf(holdsNoMessage, f.Backlog, f.DataMax)
	case "BacklogTotalBytesMax":
		return fmt.Errorf("%v for all backlogs is less than %v for one (--backlog)", f.BacklogTotal, f.Backlog)
	case "RetryMin", "RetryMax":
		at, _ := e.Value.(time.Duration)
		return fmt.Errorf("invalid time %s: %w", shortDuration(at), e.Err)
	case "Embedded":
		return errors.New("cannot be combined with --nats")
	case "ConnsMax", "ConnsPerAddressMax", "PublishersMax":
		return fmt.Errorf("invalid value %d: must be 0 or more", e.Value)
	case "Stream.Replicas":
		return fmt.Errorf("invalid value %d: %w", f.NATSStreamReplicas, e.Err)
	}
	switch value := e.Value.(type) {
	case time.Duration:
		if value == notDefault(time.Duration(0)) {
			value = 0
		}
		return fmt.Errorf("invalid value %v: %w", value, e.Err)
	case int, int64:
		return fmt.Errorf("invalid value %d: %w", value, e.Err)
	}
	return e.Err
}

// checkOptions reports errors in the options. The maximum numbers of connections depend on limits
// that are not raised yet, so newDaemon checks their defaults.
func (f *daemonFlags) checkOptions(wrong func(flag string, err error)) {
	options := f.options(nil, cmp.Or(f.MaxConns, 1), f.MaxPublishers, nil)
	options.Publish, options.Loops = f.Publish, 1 // checkLoops reports the right flag
	options.History = nil                         // checkHistory reports the right flag
	blameIn(f.asFlagErrors(options.Validate()), wrong)
}

// checkHistory checks the flags that are combined into history rules.
func (f *daemonFlags) checkHistory(wrong func(flag string, err error)) {
	if f.History < 0 {
		wrong("history", fmt.Errorf("invalid value %d: must be 0 or more", f.History))
	}
	switch {
	case f.HistoryAge < 0 || f.HistoryAge > 0 && f.HistoryAge < time.Second:
		wrong("history-age", fmt.Errorf("invalid value %v: must be 1s or more, or 0s for no limit", f.HistoryAge))
	case f.History == 0 && f.HistoryAge > 0 && len(f.HistoryFor) == 0:
		wrong("history-age", errors.New("has no effect without --history or --history-for"))
	}
	if (f.History > 0 || len(f.HistoryFor) > 0) && int(f.HistoryBytes) < sse.FrameBytesMax(int(f.DataMax)) {
		wrong("history-bytes", fmt.Errorf(holdsNoMessage, f.HistoryBytes, f.DataMax))
	}
}

// checkAdmin checks the address of the admin pages. It does not check whether the address is free,
// because a running daemon may be using it, but the daemon's other addresses must differ from it.
func (f *daemonFlags) checkAdmin(wrong func(flag string, err error)) {
	if f.Admin == adminOn || f.Admin == adminOff {
		return
	}
	own, err := listen.ParseEndpoint("tcp://" + f.Admin)
	if err != nil {
		wrong("admin", fmt.Errorf("invalid value %q: expected on, off, or an address such as localhost:8003", f.Admin))
		return
	}
	for _, address := range f.Listen {
		if other, err := listen.ParseListen(address); err == nil && clash(own, other) {
			wrong("admin", fmt.Errorf("cannot listen on %s: --listen %s has the same port; use another port, or --admin on", f.Admin, address))
		}
	}
	for _, url := range f.Publish {
		if other, err := listen.ParseEndpoint(url); err == nil && clash(own, other) {
			wrong("admin", fmt.Errorf("cannot listen on %s: --publish %s has the same port; use another port", f.Admin, url))
		}
	}
}

// clash reports whether a process cannot listen on both endpoints, because they have the same port
// and the same host, or one of them has every address of this machine.
func clash(a, b listen.Endpoint) bool {
	if a.Network != b.Network || a.Network == "unix" {
		return false
	}
	hostA, portA, _ := net.SplitHostPort(a.Address)
	hostB, portB, _ := net.SplitHostPort(b.Address)
	everywhere := func(host string) bool { return host == "" || net.ParseIP(host).IsUnspecified() }
	return portA == portB && portA != "0" && (hostA == hostB || everywhere(hostA) || everywhere(hostB))
}
