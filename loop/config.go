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

// A Config configures one loop. Every value is final and checked: New fills in no
// default and refuses nothing. The fields mean what those of the same name of
// ssed.Options mean.
//
// The loop's goroutine, those that publish and those of Authorize read a Config. Nobody
// changes it after New. What it points to may be shared with other loops and other
// goroutines, so all of that is safe for them: Tokens is atomic, Session and the history
// rules are only read, and Store and Reports say themselves which of their methods may be
// called from any goroutine.
type Config struct {
	// Tokens are the tokens in force. Other goroutines replace them.
	Tokens *atomic.Pointer[auth.Table]
	// Session configures the sessions of publishers on this loop.
	Session *publish.Config
	Origins subreq.Origins // whose pages may subscribe
	Proxies subreq.Proxies // whose word on a client's address is believed

	ProxyProtocol bool

	// History has canonical prefixes, the longest first. It is empty with a Store.
	History         []HistoryRule
	HistoryBytesMax int
	GapEvent        string
	NoGapEvent      bool
	Store           Store // nil: the loop numbers and keeps messages itself

	Handover *Handover     // nil: there is none. The loop calls Take on a goroutine of its own
	Unfit    func() string // nil: there is none. Called on the loop's goroutine

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
	Drain         time.Duration // 0 or less: at once
	ReplyTimeout  time.Duration

	// Authorize is called on a goroutine of its own for each request. Nil: all may subscribe.
	Authorize        func(ctx context.Context, r *Request) error
	AuthorizeMax     int
	AuthorizeTimeout time.Duration

	// Reports gets subscribers that begin and end. Nil: nobody wants to know.
	Reports *callbacks.Queue[SubscriberInfo]

	Logger *slog.Logger
}

// Slow says what happens to a subscriber that reads too slowly.
type Slow uint8

const (
	SlowDisconnect Slow = iota // it is disconnected, and reconnects
	SlowSkip                   // it is told how many messages it missed, and goes on with the newest
)

// Tick is the resolution of the loop's clock. Timeouts are at least one tick.
const Tick = tick
