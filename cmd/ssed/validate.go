package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/loop"
)

// check tells wrong what kong cannot know to be wrong, flag by flag. Nothing
// listens, and nothing is changed.
func (f *daemonFlags) check(wrong func(flag string, err error)) {
	f.checkSizes(wrong)
	f.checkNumbers(wrong)
	f.checkAddresses(wrong)
	f.checkStore(wrong)
	tokens, err := f.tokens()
	if err != nil {
		blameIn(err, wrong)
		return
	}
	if endpoints, err := f.endpoints(); err == nil {
		blameIn(checkExposure(endpoints, tokens), wrong)
	}
}

// blameIn tells wrong a flagError, if there is one.
func blameIn(err error, wrong func(flag string, err error)) {
	if at, ok := errors.AsType[*flagError](err); ok {
		wrong(at.flag, at.err)
	}
}

// checkSizes wants room for one message wherever messages wait.
func (f *daemonFlags) checkSizes(wrong func(flag string, err error)) {
	const holdsNone = "%v cannot hold one message of %v (--data-max), which takes up to six times that on the wire"
	frame := loop.FrameBytesMax(int(f.DataMax))
	if int(f.Backlog) < frame {
		wrong("backlog", fmt.Errorf(holdsNone, f.Backlog, f.DataMax))
	}
	if f.BacklogTotal < f.Backlog {
		wrong("backlog-total", fmt.Errorf("%v for all backlogs together cannot hold one of %v (--backlog)", f.BacklogTotal, f.Backlog))
	}
	if (f.History > 0 || len(f.HistoryFor) > 0) && int(f.HistoryBytes) < frame {
		wrong("history-bytes", fmt.Errorf(holdsNone, f.HistoryBytes, f.DataMax))
	}
}

// checkNumbers knows what is too small to be meant.
func (f *daemonFlags) checkNumbers(wrong func(flag string, err error)) {
	for _, rule := range []struct {
		flag   string
		broken bool
		says   string
	}{
		{"max-conns", f.MaxConns < 0, "must be 1 or more, or 0 for the default"},
		{"max-conns-per-ip", f.MaxConnsPerIP < 0, "must be 1 or more, or 0 for no limit"},
		{"max-publishers", f.MaxPublishers < 0, "must be 1 or more, or 0 for the default"},
		{"history", f.History < 0, "must be 0 (none is kept) or more messages"},
		{"history-age", f.HistoryAge < 0 || f.HistoryAge > 0 && f.HistoryAge < time.Second, "must be 1s or more, or 0s for no limit"},
		{"history-age", f.History == 0 && f.HistoryAge > 0 && len(f.HistoryFor) == 0, "nothing is kept without --history"},
		{"nats-stream-age", f.NATSStreamAge < 0 || f.NATSStreamAge > 0 && f.NATSStreamAge < 100*time.Millisecond, "must be 100ms or more, or 0s for no limit"},
		{"nats-stream-per-namespace", f.NATSStreamPerNamespace < 0, "must be 1 or more, or 0 for no limit"},
		{"nats-stream-replicas", f.NATSStreamReplicas < 1 || f.NATSStreamReplicas > 5, "must be 1 to 5"},
		{"nats-stream-replicas", f.Store != "" && f.NATSStreamReplicas > 1, "a store of this daemon's own has one; several take several NATS servers"},
		{"nats-timeout", f.NATSTimeout < 100*time.Millisecond, "must be 100ms or more"},
		{"heartbeat", f.Heartbeat < time.Second, "must be 1s or more"},
		{"header-timeout", f.HeaderTimeout < 100*time.Millisecond, "must be 100ms or more"},
		{"stall-timeout", f.StallTimeout < time.Second, "must be 1s or more"},
		{"drain", f.Drain < 0, "must be 0s (all at once) or more"},
	} {
		if rule.broken {
			wrong(rule.flag, errors.New(rule.says))
		}
	}
	if err := loop.CheckRetry(f.Retry.min, f.Retry.max); err != nil {
		wrong("retry", err)
	}
	if err := loop.CheckGapEvent(f.GapEvent); err != nil {
		wrong("gap-event", err)
	}
}

// checkAddresses reads every address. Whether it is free is not asked: the daemon
// itself may be using it.
func (f *daemonFlags) checkAddresses(wrong func(flag string, err error)) {
	for _, address := range f.Listen {
		if err := loop.CheckListen(address); err != nil {
			wrong("listen", err)
		}
	}
	if _, err := f.endpoints(); err != nil {
		blameIn(err, wrong)
	}
	if f.Admin != adminOn && f.Admin != adminOff {
		if _, err := listen.ParseEndpoint("tcp://" + f.Admin); err != nil {
			wrong("admin", fmt.Errorf("must be on, off, or an address such as localhost:8003, not %q", f.Admin))
		}
	}
	if err := loop.CheckCORSOrigins(f.CORSOrigin); err != nil {
		wrong("cors-origin", err)
	}
	if err := loop.CheckTrustedProxies(f.TrustedProxy); err != nil {
		wrong("trusted-proxy", err)
	}
}
