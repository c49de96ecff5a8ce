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
	// DefaultBacklogBytes can be generous, since all subscribers that lag in one stream
	// share its bytes.
	DefaultBacklogBytes = 16 << 20
	// DefaultBacklogTotalBytes bounds all streams together, since subscribers that lag in
	// streams of their own share nothing.
	DefaultBacklogTotalBytes = 512 << 20
	// DefaultMailboxBytes holds the messages of a few passes. More would only add latency.
	DefaultMailboxBytes = 8 << 20
	// DefaultSendBufferBytes bounds what the kernel holds for one subscriber. By itself
	// the kernel would grow it to megabytes for each subscriber that never reads.
	DefaultSendBufferBytes = 128 << 10
	// DefaultHistoryBytes is some two million short messages.
	DefaultHistoryBytes = 256 << 20
	// DefaultReportsMax is half a second of the fastest storm of connections.
	DefaultReportsMax = 16 << 10
	// DefaultAuthorizeMax keeps what waits for a database, goroutines and heads, below
	// some 20 MB.
	DefaultAuthorizeMax = 1000
	// DefaultAuthorizeTimeout is longer than a healthy database takes to answer.
	DefaultAuthorizeTimeout = 10 * time.Second
	// DefaultHeartbeat is below the idle timeouts of common proxies.
	DefaultHeartbeat = 15 * time.Second
	// DefaultStallTimeout is longer than a phone needs to change from one network to
	// another.
	DefaultStallTimeout = 30 * time.Second
	// DefaultRetryMin is long enough for a daemon to be restarted.
	DefaultRetryMin = 2 * time.Second
	// DefaultRetryMax spreads the return of 10,000 clients over four seconds.
	DefaultRetryMax = 6 * time.Second
	// DefaultDrain spreads the clients of a server that ends, and so their return. It
	// leaves time for the rest before "docker stop" kills, after 10 s.
	DefaultDrain = 5 * time.Second
	// DefaultPublishersMax is plenty for the programs of one machine.
	DefaultPublishersMax = openfiles.PublishersMax
	// DefaultReplyTimeout is longer than any pause of a program that is alive.
	DefaultReplyTimeout = 30 * time.Second
	// DefaultHeaderTimeout is how long a request head may take to arrive.
	DefaultHeaderTimeout = 10 * time.Second
)

// Options configure a Server. Options{} is a daemon for subscribers on port 8001, to which
// this program publishes.
//
// One rule holds for zero values. Zero means the default. A negative number means "none"
// or "no limit" where the field says so, and is refused elsewhere. A feature that is on by
// default and has no number is switched off by a bool that begins with No.
type Options struct {
	// Listen lists the addresses where subscribers connect: "host:port", ":8001" or
	// "unix:///path". Default: ":8001".
	Listen []string
	// Publish lists the addresses where publishers connect to this server's own loop:
	// "tcp://127.0.0.1:8002" or "unix:///path". Default: none; messages then come by
	// Server.Publish and Server.Publishers.
	Publish []string
	// Tokens says who may subscribe and publish. Server.SetTokens replaces it later.
	// Default: everybody may.
	Tokens *auth.Table
	// CORSOrigins are the origins whose pages may subscribe, with credentials: each
	// the serialization of a tuple origin (HTML section 7.1.1), such as
	// "https://example.org" or "chrome-extension://ID", or a wildcard for all subdomains,
	// such as "https://*.example.org". Default: "*", any page, without credentials.
	CORSOrigins []string
	// TrustedProxies are the networks (CIDR, or single addresses) of proxies that may
	// give a client's address, and "unix" for every client of a unix socket. Default:
	// none.
	TrustedProxies []string
	// ProxyProtocol requires every subscriber's connection to begin with a PROXY line, of
	// version 1 or 2. With TrustedProxies, only they may send it. Default: false.
	ProxyProtocol bool

	// History says how much of each namespace is kept for clients that reconnect. The
	// rule with the longest prefix that matches applies. Default: nothing is kept, and
	// messages have no ids.
	History []HistoryRule
	// HistoryBytesMax bounds the history of all namespaces together. The oldest
	// messages of the largest namespaces are dropped first, and each namespace's newest
	// message last. Default: DefaultHistoryBytes.
	HistoryBytesMax int
	// GapEvent is the name of the event that describes to a subscriber what it cannot
	// get. Publishers may not use it. Default: sse.DefaultGapEvent.
	GapEvent string
	// NoGapEvent leaves that event out, and reserves no name. Default: false.
	NoGapEvent bool

	// Store numbers and keeps all messages. The server accepts subscribers once the
	// Store is live: see StoreSink. Default: nil; the server numbers and keeps them.
	Store Store

	// Handover serves requests that are not for the server itself. Default: nil; they
	// are answered 404.
	Handover *Handover

	// Unfit returns why a load balancer should not send clients here, in one line, or
	// "" if it may. The server calls it for each request for /healthz, on the loop's
	// goroutine, so it must return at once: read a value that another goroutine
	// keeps. The answer is 503 with these words, or 200. While the server ends the
	// answer is 503 in any case. A Handover with "/healthz" among its Paths answers
	// instead. Default: the server's own view, which is 503 until a Store is live.
	Unfit func() string

	// BacklogBytesMax is how many bytes a subscriber may lag behind before Slow
	// applies to it. Default: DefaultBacklogBytes.
	BacklogBytesMax int
	// BacklogTotalBytesMax is how many bytes all streams together may hold for
	// subscribers that lag. Above it, the slowest subscribers are disconnected first.
	// Default: DefaultBacklogTotalBytes.
	BacklogTotalBytesMax int
	// Slow says what happens to a subscriber that lags further behind than
	// BacklogBytesMax. Default: SlowDisconnect.
	Slow Slow
	// MailboxBytesMax bounds what waits between Publish and the loop, in bytes.
	// Callers wait while it is full. Default: DefaultMailboxBytes.
	MailboxBytesMax int
	// DataBytesMax is the longest data of one message. Default: sse.DataBytesMax.
	DataBytesMax int
	// HeadBytesMax is the longest request head of a subscriber. Default:
	// httpparse.DefaultHeadBytesMax.
	HeadBytesMax int
	// SendBufferBytes is SO_SNDBUF of each connection (the kernel doubles it).
	// Default: DefaultSendBufferBytes.
	SendBufferBytes int
	// ConnsMax is how many subscribers there may be at once. Clients beyond it are asked
	// to retry later. Default: RLIMIT_NOFILE less PublishersMax and a reserve.
	ConnsMax int
	// ConnsPerAddressMax is how many subscribers one client address may have (an
	// IPv6 client: its /64 network). Default: no limit.
	ConnsPerAddressMax int
	// PublishersMax is how many publishers may be connected to this server's loop.
	// Default: DefaultPublishersMax, or a quarter of RLIMIT_NOFILE less the reserve where
	// that is less; none without Publish.
	PublishersMax int

	// Heartbeat is the longest silence on a stream, 1s or more. Default: DefaultHeartbeat.
	Heartbeat time.Duration
	// HeaderTimeout is how long a request head may take to arrive, 100ms or more.
	// Default: DefaultHeaderTimeout.
	HeaderTimeout time.Duration
	// StallTimeout is how long a subscriber may accept nothing of what waits for it,
	// because it does not read or because it vanished, before it is disconnected. It is
	// 1s or more. Default: DefaultStallTimeout.
	StallTimeout time.Duration
	// RetryMin is the shortest reconnection time that clients are given in a "retry:"
	// field (HTML section 9.2.6). The time is drawn for each client: for a browser when
	// its stream begins, and for every client that is sent away, by a refusal that asks
	// it to retry later or by Shutdown. Both bounds are 100ms to 1h, and may be equal.
	// Default: DefaultRetryMin, or RetryMax if that is less.
	RetryMin time.Duration
	// RetryMax is the longest of these times. Default: DefaultRetryMax, or RetryMin if
	// that is more.
	RetryMax time.Duration
	// NoRetry makes the streams of browsers begin with a comment instead. Clients that
	// are sent away still get a time. Default: false.
	NoRetry bool
	// Drain is the time over which Shutdown disconnects the subscribers, so that they do
	// not all reconnect at once. Negative: none; all are disconnected at once. Default:
	// DefaultDrain.
	Drain time.Duration
	// ReplyTimeout is how long a publisher may leave its replies unread without
	// accepting a byte, 100ms or more. The server does not read from it meanwhile.
	// Default: DefaultReplyTimeout.
	ReplyTimeout time.Duration

	// Authorize decides, for each request to subscribe that the Tokens allow, whether
	// it is accepted: nil accepts it. An error refuses it, with 403 and the error's
	// words, so that a browser does not ask again; ErrUnauthenticated and ErrRetryLater
	// say what else an error can mean. An error that wraps context.DeadlineExceeded is
	// treated as ErrRetryLater.
	//
	// Each call has a goroutine of its own, so it may wait. The client waits meanwhile.
	// ctx ends when the client has gone, when AuthorizeTimeout is over, or when the
	// server ends; none of these waits for the call to return. Default: every request is
	// accepted.
	Authorize func(ctx context.Context, r *Request) error
	// AuthorizeMax is how many calls of Authorize there may be at once. Clients beyond it
	// are asked to retry later. Default: DefaultAuthorizeMax.
	AuthorizeMax int
	// AuthorizeTimeout is how long a client waits for Authorize, 100ms or more. Then it is
	// asked to retry later. Default: DefaultAuthorizeTimeout.
	AuthorizeTimeout time.Duration

	// OnSubscribe is called for each new subscriber.
	//
	// OnSubscribe, OnUnsubscribe and OnUnreported are called one after the other, in the
	// order of what happened, on one goroutine that is not the loop's. So they may take
	// their time, and call every method of the Server except Shutdown and Serve. A panic
	// in them ends the program. Default: nil; nothing is called.
	OnSubscribe func(SubscriberInfo)
	// OnUnsubscribe is called when a subscriber's stream has ended, with its figures at
	// that time and the reason, the same word as in the log. Default: nil.
	OnUnsubscribe func(c SubscriberInfo, reason string)
	// OnUnreported is called when subscribers came, or went, for which the other two were
	// not called, since ReportsMax calls waited. It gets their numbers since its last
	// call. A program that keeps a list of subscribers calls Subscribers then, each time.
	// These subscribers are also counted in Stats.Unreported, and logged. Default: nil.
	OnUnreported func(came, went int)
	// ReportsMax is how many calls of OnSubscribe and OnUnsubscribe may wait before
	// new subscribers go unreported, both when they come and when they go. The calls for
	// the end of subscribers that were reported come on top. Default: DefaultReportsMax.
	ReportsMax int

	// Logger gets what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// gapEventFlag is the flag of the daemon that sets Options.GapEvent.
const gapEventFlag = "--gap-event"

// ReservedEvents returns the names of the events that a Server with these options
// sends itself. Publishers may not use them. With a Store, give them to it as well, so
// that messages of other programs do not carry such a name either.
func (o *Options) ReservedEvents() (reserved sse.ReservedEvents) {
	if !o.NoGapEvent {
		reserved = append(reserved, sse.ReservedEvent{Name: cmp.Or(o.GapEvent, sse.DefaultGapEvent), Flag: gapEventFlag})
	}
	return reserved
}
