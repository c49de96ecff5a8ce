package ssed

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/sse"
)

// Defaults of Options.
const (
	// DefaultBacklogBytes is generous, because all subscribers that lag behind in one stream share
	// the stream's bytes.
	DefaultBacklogBytes = 16 << 20
	// DefaultBacklogTotalBytes limits all streams together, because subscribers that lag behind in
	// different streams share nothing.
	DefaultBacklogTotalBytes = 512 << 20
	// DefaultMailboxBytes holds the messages of a few passes of the loop. More would only add
	// latency.
	DefaultMailboxBytes = 8 << 20
	// DefaultSendBufferBytes limits how much the kernel buffers for one subscriber. Without a
	// limit, the kernel would grow the buffer to megabytes for each subscriber that never reads.
	DefaultSendBufferBytes = 128 << 10
	// DefaultHistoryBytes is enough for about two million short messages.
	DefaultHistoryBytes = 256 << 20
	// DefaultReportsMax covers half a second of connections at the highest rate.
	DefaultReportsMax = 16 << 10
	// DefaultAuthorizeMax keeps the goroutines and request heads that wait for a database below
	// about 20 MB.
	DefaultAuthorizeMax = 1000
	// DefaultAuthorizeTimeout is longer than a healthy database takes to answer.
	DefaultAuthorizeTimeout = 10 * time.Second
	// DefaultHeartbeat is below the idle timeouts of common proxies.
	DefaultHeartbeat = 15 * time.Second
	// DefaultStallTimeout is longer than a phone needs to switch from one network to another.
	DefaultStallTimeout = 30 * time.Second
	// DefaultRetryMin is long enough to restart a daemon.
	DefaultRetryMin = 2 * time.Second
	// DefaultRetryMax, with DefaultRetryMin, spreads the reconnects of 10,000 clients over four
	// seconds.
	DefaultRetryMax = 6 * time.Second
	// DefaultDrain spreads the disconnects at shutdown, and so the reconnects. It leaves time for
	// the rest of the shutdown before "docker stop" kills the process after 10 s.
	DefaultDrain = 5 * time.Second
	// DefaultPublishersMax is plenty for the programs of one machine.
	DefaultPublishersMax = openfiles.PublishersMax
	// DefaultReplyTimeout is longer than any pause of a program that is still running.
	DefaultReplyTimeout = 30 * time.Second
	// DefaultHeaderTimeout leaves a client on a slow network enough time to send its request head.
	DefaultHeaderTimeout = 10 * time.Second
)

// Options configures a Server. The zero value serves subscribers on port 8001 and accepts messages
// from this program, through Server.Publish.
//
// The same rule applies to the zero value of every field: zero means the default. A negative number
// means "none" or "no limit" if the field's comment allows it, and is an error otherwise. A feature
// that is on by default and has no numeric setting is disabled by a bool field with the prefix No.
type Options struct {
	// Listen lists the addresses for subscribers: "host:port", ":8001" or "unix:///path". Default:
	// ":8001".
	Listen []string
	// Publish lists the addresses for publishers that connect to this server's own loop:
	// "tcp://127.0.0.1:8002" or "unix:///path". Default: none; messages then come only from
	// Server.Publish and Server.Publishers.
	Publish []string
	// Loops is the number of event loops. Each one serves a part of the subscribers, and uses a
	// core when it is busy. All limits hold for all loops together, except for MailboxBytesMax.
	// With more than one, Publish must be empty: publishers then need an event loop of their own,
	// such as publish/evioserver with Server.Publishers. At most 256. Default: 1.
	Loops int
	// Tokens lists the tokens that allow clients to subscribe and publish. Server.SetTokens
	// replaces it later. Default: every client may do both.
	Tokens *auth.Table
	// CORSOrigins lists the origins of pages that may subscribe with credentials. An entry is the
	// serialization of a tuple origin (HTML section 7.1.1), such as "https://example.org" or
	// "chrome-extension://ID", or a wildcard for all subdomains, such as "https://*.example.org".
	// Default: "*", which allows any page, without credentials.
	CORSOrigins []string
	// TrustedProxies lists the networks (CIDR or single addresses) of proxies that may report the
	// client's address. The entry "unix" trusts every client of a unix socket. Default: none.
	TrustedProxies []string
	// ProxyProtocol requires every subscriber connection to begin with a PROXY header, version 1 or
	// 2. If TrustedProxies is set, only connections from those proxies may send it. Default: false.
	ProxyProtocol bool

	// History sets how much of each namespace is kept for clients that reconnect. The rule with the
	// longest matching prefix applies. Default: nothing is kept, and messages have no ids.
	History []HistoryRule
	// HistoryBytesMax limits the history of all namespaces together. The oldest messages of the
	// largest namespaces are dropped first, and each namespace's newest message last. Default:
	// DefaultHistoryBytes.
	HistoryBytesMax int
	// GapEvent is the name of the event that informs a subscriber about messages it missed and
	// cannot get. Publishers may not use this name. Default: sse.DefaultGapEvent.
	GapEvent string
	// NoGapEvent disables that event, so that its name is not reserved. Default: false.
	NoGapEvent bool

	// Store numbers and keeps all messages. The server accepts subscribers once the Store is live:
	// see StoreSink. Default: nil; the server numbers messages and keeps them in memory.
	Store Store

	// Handover serves requests with paths other than the server's own. Default: nil; such requests
	// get 404.
	Handover *Handover

	// Unfit returns a one-line reason why a load balancer should not send clients to this server,
	// or "" if it may. The server calls it for each request for /healthz, on the goroutine of an
	// event loop, so it must return immediately: read a value that another goroutine updates.
	// Several loops may call it at the same time. /healthz answers 503 with the reason, or 200.
	// During shutdown it always answers 503. If Handover.Paths contains "/healthz", the Handover
	// answers instead. Default: the server's own state, which is 503 until the Store is live.
	Unfit func() string

	// BacklogBytesMax is how many bytes a subscriber may lag behind before Slow applies to it.
	// Default: DefaultBacklogBytes.
	BacklogBytesMax int
	// BacklogTotalBytesMax is how many bytes all streams together may hold for subscribers that lag
	// behind. Above it, the slowest subscribers are disconnected first. With several loops, only
	// subscribers of loops that hold more than an equal share are. Default:
	// DefaultBacklogTotalBytes.
	BacklogTotalBytesMax int
	// Slow selects what happens to a subscriber that lags more than BacklogBytesMax behind.
	// Default: SlowDisconnect.
	Slow Slow
	// MailboxBytesMax limits the messages that wait between Publish and an event loop, in bytes.
	// Each loop has a mailbox. Publish blocks while one of them is full. Default:
	// DefaultMailboxBytes.
	MailboxBytesMax int
	// DataBytesMax limits the data of one message. Default: sse.DataBytesMax.
	DataBytesMax int
	// HeadBytesMax limits the request head of a subscriber. Default: httpparse.DefaultHeadBytesMax.
	HeadBytesMax int
	// SendBufferBytes is SO_SNDBUF of each connection (the kernel doubles it). Default:
	// DefaultSendBufferBytes.
	SendBufferBytes int
	// ConnsMax limits the number of subscribers. Further clients are asked to retry later. Default:
	// RLIMIT_NOFILE less PublishersMax and a reserve.
	ConnsMax int
	// ConnsPerAddressMax limits the number of subscribers from one client address. For IPv6 it
	// counts the client's /64 network. Default: no limit.
	ConnsPerAddressMax int
	// PublishersMax limits the number of publishers that are connected to this server's loop.
	// Default: DefaultPublishersMax, or a quarter of RLIMIT_NOFILE less the reserve if that is
	// less; none without Publish.
	PublishersMax int

	// Heartbeat is the longest silence on a stream, at least 1s. Default: DefaultHeartbeat.
	Heartbeat time.Duration
	// HeaderTimeout limits how long a request head may take to arrive, at least 100ms. Default:
	// DefaultHeaderTimeout.
	HeaderTimeout time.Duration
	// StallTimeout limits how long a subscriber may accept no data while data is waiting for it.
	// The subscriber may have stopped reading, or it may have vanished. Then it is disconnected.
	// The minimum is 1s. Default: DefaultStallTimeout.
	StallTimeout time.Duration
	// RetryMin is the shortest reconnection time that the server sends to clients in a "retry:"
	// field (HTML section 9.2.6). The time is random for each client. Browsers get it at the start
	// of a stream. Every client gets it when Shutdown disconnects it, or when a refusal asks it to
	// retry later. Both bounds are 100ms to 1h, and may be equal. Default: DefaultRetryMin, or
	// RetryMax if that is less.
	RetryMin time.Duration
	// RetryMax is the longest reconnection time. Default: DefaultRetryMax, or RetryMin if that is
	// more.
	RetryMax time.Duration
	// NoRetry makes the streams of browsers begin with a comment instead of a "retry:" field.
	// Clients that are refused or disconnected still get a reconnection time. Default: false.
	NoRetry bool
	// Drain is the time over which Shutdown spreads the disconnects, so that clients do not all
	// reconnect at the same moment. A negative value disconnects all subscribers immediately.
	// Default: DefaultDrain.
	Drain time.Duration
	// ReplyTimeout limits how long a publisher may leave its replies unread without accepting a
	// byte, at least 100ms. During that time the server does not read from the publisher. Default:
	// DefaultReplyTimeout.
	ReplyTimeout time.Duration

	// Authorize decides whether a request to subscribe is accepted, after Tokens has allowed it. A
	// nil error accepts the request. Any other error refuses it with 403 and the error's text,
	// after which a browser does not retry. An error that wraps ErrUnauthenticated answers 401. An
	// error that wraps ErrRetryLater asks the client to retry. An error that wraps
	// context.DeadlineExceeded is treated as ErrRetryLater.
	//
	// Each call runs on its own goroutine, so it may block. The client waits until it returns. ctx
	// is canceled when the client disconnects, when AuthorizeTimeout expires, and when the server
	// stops. In these cases the server does not wait for the call to return. Default: every request
	// is accepted.
	Authorize func(ctx context.Context, r *Request) error
	// AuthorizeMax limits the number of concurrent calls of Authorize. Further clients are asked to
	// retry later. Default: DefaultAuthorizeMax.
	AuthorizeMax int
	// AuthorizeTimeout limits how long a client waits for Authorize, at least 100ms. Then the
	// client is asked to retry later. Default: DefaultAuthorizeTimeout.
	AuthorizeTimeout time.Duration

	// OnSubscribe is called for each new subscriber.
	//
	// OnSubscribe, OnUnsubscribe and OnUnreported are called one at a time, in the order of the
	// events, on a goroutine other than the loop's. They may block, and may call every method of
	// the Server except Shutdown and Serve. A panic in one of them ends the program. Default: nil;
	// nothing is called.
	OnSubscribe func(SubscriberInfo)
	// OnUnsubscribe is called when a subscriber's stream has ended. It gets the subscriber's final
	// counters and the reason, which is the same word as in the log. Default: nil.
	OnUnsubscribe func(c SubscriberInfo, reason string)
	// OnUnreported is called after OnSubscribe or OnUnsubscribe was dropped for some subscribers,
	// because ReportsMax calls were waiting. It gets the numbers of dropped calls since its last
	// call. A program that keeps a list of subscribers should call Server.Subscribers each time to
	// refresh the list. The dropped subscribers are also counted in Stats.Unreported, and logged.
	// Default: nil.
	OnUnreported func(subscribed, unsubscribed int)
	// ReportsMax limits how many calls of OnSubscribe and OnUnsubscribe may wait. While the limit
	// is reached, both calls are dropped for new subscribers. The OnUnsubscribe calls of
	// subscribers that were already reported are still made, and may exceed the limit. Default:
	// DefaultReportsMax.
	ReportsMax int

	// Logger receives the server's log. Default: slog.Default().
	Logger *slog.Logger
}

// gapEventFlag is the daemon's flag that sets Options.GapEvent.
const gapEventFlag = "--gap-event"

// ReservedEvents returns the names of the events that a Server with these options sends itself.
// Publishers may not use these names. With a Store, pass them to the Store as well, so that
// messages stored by other programs cannot use a reserved name either.
func (o *Options) ReservedEvents() (reserved sse.ReservedEvents) {
	if !o.NoGapEvent {
		reserved = append(reserved, sse.ReservedEvent{Name: cmp.Or(o.GapEvent, sse.DefaultGapEvent), Flag: gapEventFlag})
	}
	return reserved
}
