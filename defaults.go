package ssed

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

// withDefaults returns the options with every zero value replaced by its default.
func (o Options) withDefaults() Options {
	if len(o.Listen) == 0 {
		o.Listen = []string{":8001"}
	}
	if len(o.Publish) > 0 {
		setDefault(&o.PublishersMax, openfiles.Publishers(o.places()))
	}
	for _, number := range o.numbers() {
		setDefault(number.value, number.fallback)
	}
	for _, t := range o.times() {
		setDefault(t.value, t.fallback)
	}
	setDefault(&o.GapEvent, sse.DefaultGapEvent)
	setDefault(&o.Drain, DefaultDrain)
	setDefault(&o.RetryMin, min(DefaultRetryMin, cmp.Or(o.RetryMax, DefaultRetryMin)))
	setDefault(&o.RetryMax, max(DefaultRetryMax, o.RetryMin))

	setDefault(&o.Logger, slog.Default())
	if o.Handover != nil {
		filled := *o.Handover
		setDefault(&filled.ConnsMax, DefaultHandoverConnsMax)
		o.Handover = &filled
	}
	return o
}

// A bounded is a field of Options with a default and a minimum.
type bounded[T int | time.Duration] struct {
	field           string
	value           *T
	fallback, least T
}

// numbers returns the fields that are sizes and counts. PublishersMax must already have its
// default, because the default of ConnsMax depends on it.
func (o *Options) numbers() []bounded[int] {
	return []bounded[int]{
		{"Loops", &o.Loops, 1, 1},
		{"HistoryBytesMax", &o.HistoryBytesMax, DefaultHistoryBytes, 1},
		{"BacklogBytesMax", &o.BacklogBytesMax, DefaultBacklogBytes, 1},
		{"BacklogTotalBytesMax", &o.BacklogTotalBytesMax, DefaultBacklogTotalBytes, 1},
		{"MailboxBytesMax", &o.MailboxBytesMax, DefaultMailboxBytes, 1},
		{"DataBytesMax", &o.DataBytesMax, sse.DataBytesMax, 1},
		{"HeadBytesMax", &o.HeadBytesMax, httpparse.DefaultHeadBytesMax, 1},
		{"SendBufferBytes", &o.SendBufferBytes, DefaultSendBufferBytes, 1},
		{"ConnsMax", &o.ConnsMax, o.places() - o.PublishersMax, 1},
		{"AuthorizeMax", &o.AuthorizeMax, DefaultAuthorizeMax, 1},
		{"ReportsMax", &o.ReportsMax, DefaultReportsMax, 1},
	}
}

// times returns the fields that are durations. It excludes RetryMin and RetryMax, because their
// defaults depend on each other, and Drain, which may be negative.
func (o *Options) times() []bounded[time.Duration] {
	return []bounded[time.Duration]{
		{"Heartbeat", &o.Heartbeat, DefaultHeartbeat, secondLeast},
		{"HeaderTimeout", &o.HeaderTimeout, DefaultHeaderTimeout, loop.Tick},
		{"StallTimeout", &o.StallTimeout, DefaultStallTimeout, secondLeast},
		{"ReplyTimeout", &o.ReplyTimeout, DefaultReplyTimeout, loop.Tick},
		{"AuthorizeTimeout", &o.AuthorizeTimeout, DefaultAuthorizeTimeout, loop.Tick},
	}
}

// places returns how many file descriptors are available to subscribers and publishers together.
func (o *Options) places() int {
	return openfiles.Limit() - openfiles.ReserveFor(min(max(1, o.Loops), openfiles.LoopsMax), len(o.Listen))
}

// setDefault replaces a zero value with its default.
func setDefault[T comparable](value *T, fallback T) { *value = cmp.Or(*value, fallback) }
