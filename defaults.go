package ssed

import (
	"cmp"
	"log/slog"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/sse"
)

// withDefaults returns the options with every zero value replaced by its default.
func (o Options) withDefaults() Options {
	if len(o.Listen) == 0 {
		o.Listen = []string{":8001"}
	}
	if len(o.Publish) > 0 {
		setDefault(&o.PublishersMax, openfiles.Publishers(openfiles.Limit()-openfiles.Reserve))
	}
	setDefault(&o.ConnsMax, defaultConnsMax(o.PublishersMax))

	setDefault(&o.HistoryBytesMax, DefaultHistoryBytes)
	setDefault(&o.GapEvent, sse.DefaultGapEvent)
	setDefault(&o.BacklogBytesMax, DefaultBacklogBytes)
	setDefault(&o.BacklogTotalBytesMax, DefaultBacklogTotalBytes)
	setDefault(&o.MailboxBytesMax, DefaultMailboxBytes)
	setDefault(&o.DataBytesMax, sse.DataBytesMax)
	setDefault(&o.HeadBytesMax, httpparse.DefaultHeadBytesMax)
	setDefault(&o.SendBufferBytes, DefaultSendBufferBytes)
	setDefault(&o.AuthorizeMax, DefaultAuthorizeMax)
	setDefault(&o.ReportsMax, DefaultReportsMax)

	setDefault(&o.Heartbeat, DefaultHeartbeat)
	setDefault(&o.HeaderTimeout, DefaultHeaderTimeout)
	setDefault(&o.StallTimeout, DefaultStallTimeout)
	setDefault(&o.AuthorizeTimeout, DefaultAuthorizeTimeout)
	setDefault(&o.ReplyTimeout, DefaultReplyTimeout)
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

// defaultConnsMax is how many subscribers the limit of open files allows beside so many
// publishers.
func defaultConnsMax(publishers int) int { return openfiles.Limit() - openfiles.Reserve - publishers }

// setDefault sets a value that is zero.
func setDefault[T comparable](value *T, fallback T) { *value = cmp.Or(*value, fallback) }
