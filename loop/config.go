package loop

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/internal/callbacks"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/publish"
)

// A Config configures one loop. All values are final and checked: New sets no defaults and checks
// nothing. Fields have the same meaning as the fields of ssed.Options with the same names.
//
// The loop's goroutine, publishing goroutines and the goroutines of Authorize read a Config. It
// does not change after New. Other loops and goroutines may share the values that it points to, and
// each of them is safe to share. Tokens is atomic. Session and the history rules are only read. The
// comments of Store and Reports say which of their methods any goroutine may call.
type Config struct {
	// Tokens are the current tokens. Other goroutines replace them.
	Tokens *atomic.Pointer[auth.Table]
	// Session configures the sessions of publishers on this loop.
	Session *publish.Config
	Origins subreq.Origins // the origins whose pages may subscribe
	Proxies subreq.Proxies // the proxies that may forward a client's address

	ProxyProtocol bool

	// History has canonical prefixes, the longest first. It is empty with a Store.
	History         []HistoryRule
	HistoryBytesMax int
	GapEvent        string
	NoGapEvent      bool
	Store           Store // nil: the loop numbers and keeps messages itself

	Handover *Handover     // nil: no requests are handed over. The loop calls Take on a new goroutine
	Unfit    func() string // nil: not used. The loop calls it on its own goroutine

	BacklogBytesMax      int
	BacklogTotalBytesMax int
	Slow                 Slow
	MailboxBytesMax      int
	HeadBytesMax         int
	SendBufferBytes      int
	ConnsMax             int
	ConnsPerAddressMax   int // 0: no limit
	PublishersMax        int

	Heartbeat     time.Duration
	HeaderTimeout time.Duration
	StallTimeout  time.Duration
	RetryMin      time.Duration
	RetryMax      time.Duration
	NoRetry       bool
	Drain         time.Duration // 0 or less: disconnect all subscribers immediately
	ReplyTimeout  time.Duration

	// Authorize is called on a new goroutine for each request. Nil: every client may subscribe.
	Authorize        func(ctx context.Context, r *Request) error
	AuthorizeMax     int
	AuthorizeTimeout time.Duration

	// Reports receives subscribers that connect and disconnect. Nil: they are not reported.
	Reports *callbacks.Queue[SubscriberInfo]

	Logger *slog.Logger
}

// Slow is the treatment of a subscriber that reads too slowly.
type Slow uint8

const (
	SlowDisconnect Slow = iota // it is disconnected, and may reconnect
	SlowSkip                   // it learns how many messages it missed, and continues with the newest
)

// Tick is the resolution of the loop's clock. Timeouts are rounded up to whole ticks.
const Tick = tick
