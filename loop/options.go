package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/sse"
)

// Defaults of Options.
const (
	// DefaultBacklogBytes can be generous, since all who lag in one stream
	// share its bytes.
	DefaultBacklogBytes = 16 << 20
	// DefaultBacklogTotalBytes bounds all streams together, for those who lag in
	// streams of their own share nothing.
	DefaultBacklogTotalBytes = 512 << 20
	// DefaultMailboxBytes holds a few passes' worth of messages; more would
	// only be latency.
	DefaultMailboxBytes = 8 << 20
	// DefaultSendBufferBytes bounds what the kernel holds for one subscriber.
	// Left to itself it would grow to megabytes for each that never reads.
	DefaultSendBufferBytes = 128 << 10
	// DefaultHistoryBytes is some two million short messages.
	DefaultHistoryBytes = 256 << 20
	// DefaultReportsMax is half a second of the fastest storm of connections.
	DefaultReportsMax = 16 << 10
	// DefaultAuthorizeMax keeps what waits for a database, goroutines and heads, below
	// some 20 MB.
	DefaultAuthorizeMax = 1000
	// DefaultAuthorizeTimeout is longer than a database that is well takes to answer.
	DefaultAuthorizeTimeout = 10 * time.Second
	// DefaultHeartbeat is below the idle time-outs of common proxies.
	DefaultHeartbeat = 15 * time.Second
	// DefaultStallTimeout is longer than a phone needs to change from one network
	// to another.
	DefaultStallTimeout = 30 * time.Second
	// DefaultRetryMin is long enough for a daemon to be restarted.
	DefaultRetryMin = 2 * time.Second
	// DefaultRetryMax spreads the return of 10,000 clients over four seconds.
	DefaultRetryMax = 6 * time.Second
	// DefaultDrain spreads the clients of a server that ends, and with them their
	// return. It leaves time for the rest before "docker stop" kills, after 10 s.
	DefaultDrain = 5 * time.Second
	// DefaultPublishersMax is plenty for the programs of one machine.
	DefaultPublishersMax = 1000
	// DefaultReplyTimeout is longer than any pause of a program that is alive.
	DefaultReplyTimeout = 30 * time.Second
	// DefaultHeaderTimeout is how long a request head may take to arrive.
	DefaultHeaderTimeout = 10 * time.Second
)

// descriptorReserve is how many descriptors are kept for publishers, listeners,
// logs and the runtime when the connection limit is derived from RLIMIT_NOFILE.
// gnet ends the whole engine when accept fails with EMFILE, so the limit must
// never be reached.
const descriptorReserve = 256

// Options configure a Server. The zero value of each field means its default; so
// Options{} is a daemon for subscribers on port 8001, and for this program to publish.
type Options struct {
	// Listen is where subscribers connect: "host:port", ":8001" or
	// "unix:///path". Default: ":8001".
	Listen []string
	// Publish is where publishers connect, served on this loop:
	// "tcp://127.0.0.1:8002" or "unix:///path". Default: none; messages then come by
	// Server.Publish and Server.Mailbox.
	Publish []string
	// Tokens says who may subscribe and publish. Nil: everybody. Server.SetTokens
	// changes it later.
	Tokens *auth.Table
	// CORSOrigins are the origins whose pages may subscribe, with credentials: each
	// the serialization of a tuple origin (HTML section 7.1.1), such as
	// "https://example.org" or "chrome-extension://ID", or a wildcard for all subdomains,
	// such as "https://*.example.org". Default: "*", any page, without credentials.
	CORSOrigins []string
	// TrustedProxies are the networks (CIDR, or single addresses) of proxies
	// whose word on a client's address is believed, and "unix" for whoever
	// connects to a unix socket. Default: nobody's.
	TrustedProxies []string
	// ProxyProtocol wants every subscriber's connection to begin with a PROXY
	// line, of version 1 or 2. With TrustedProxies, only from those. Default: none.
	ProxyProtocol bool

	// History is what is kept of namespaces for those who come back, by the longest
	// prefix that fits. Default: nothing, and messages have no ids.
	History []HistoryRule
	// HistoryBytesMax bounds the history of all namespaces together. The oldest
	// messages of the largest namespaces go first, and each namespace's newest
	// goes last. Default: DefaultHistoryBytes.
	HistoryBytesMax int
	// GapEvent is the name of the event that tells a subscriber what it does not
	// get. Publishers may not use it. NoGapEvent leaves the event out, and reserves
	// no name. Default: sse.DefaultGapEvent.
	GapEvent   string
	NoGapEvent bool

	// Store numbers and keeps all messages. The server accepts subscribers once the
	// Store is live: see StoreSink. Default: nil; the server numbers and keeps them.
	Store Store

	// Handover is who serves what the loop does not. Default: nobody does.
	Handover *Handover

	// Unfit returns why a load balancer should not send clients here, in one line, or
	// "" if it may. The loop calls it for each request for /healthz, on its own
	// goroutine, so it must return at once: read a value that another goroutine
	// keeps. The answer is 503 with these words, or 200. While the server ends the
	// answer is 503 in any case. Default: the loop's own view, which is 503 until a
	// Store is live. A Handover with "/healthz" among its Paths answers instead.
	Unfit func() string

	// BacklogBytesMax is how many bytes a subscriber may lag behind before it
	// is closed. Default: DefaultBacklogBytes.
	BacklogBytesMax int
	// BacklogTotalBytesMax is how many bytes all streams may hold together for
	// those who lag. Past it, those who are furthest behind are closed. Default:
	// DefaultBacklogTotalBytes.
	BacklogTotalBytesMax int
	// Slow is what becomes of a subscriber that lags behind further than
	// BacklogBytesMax. Default: SlowDisconnect.
	Slow Slow
	// MailboxBytesMax bounds what waits between Publish and the loop, in bytes.
	// Callers wait when it is full. Default: DefaultMailboxBytes.
	MailboxBytesMax int
	// DataBytesMax is the longest data of one message. Default: sse.DataBytesMax.
	DataBytesMax int
	// HeadBytesMax is the longest request head of a subscriber. Default:
	// httpparse.DefaultHeadBytesMax.
	HeadBytesMax int
	// SendBufferBytes is SO_SNDBUF of each connection (the kernel doubles it).
	// Default: DefaultSendBufferBytes.
	SendBufferBytes int
	// ConnsMax is how many subscribers there may be at once; the next are asked
	// to come back later. Default: RLIMIT_NOFILE less a reserve, some of which is
	// for publishers only.
	ConnsMax int
	// ConnsPerAddressMax is how many subscribers one client address may have (an
	// IPv6 client: its /64 network). Default: any number.
	ConnsPerAddressMax int
	// PublishersMax is how many publishers may be connected to this loop. Default:
	// DefaultPublishersMax, or a quarter of RLIMIT_NOFILE where that is less; none
	// without Publish.
	PublishersMax int

	// Heartbeat is the longest silence on a stream. Default: DefaultHeartbeat.
	Heartbeat time.Duration
	// HeaderTimeout is how long a request head may take to arrive. Default:
	// DefaultHeaderTimeout.
	HeaderTimeout time.Duration
	// StallTimeout is how long a subscriber may take nothing of what waits for it,
	// be it that it does not read or that it vanished, before it is closed. Default:
	// DefaultStallTimeout.
	StallTimeout time.Duration
	// RetryMin and RetryMax bound the reconnection time that clients are given in a
	// "retry:" field (HTML section 9.2.6). It is drawn for each client: for a browser
	// when its stream begins, and for every client that is sent away, by a refusal that
	// asks it to come back or by Shutdown. They may be equal, and must be 100ms to 1h.
	// Default: DefaultRetryMin, or RetryMax if that is less.
	RetryMin time.Duration
	// RetryMax is the longest of these times. Default: DefaultRetryMax, or RetryMin if
	// that is more.
	RetryMax time.Duration
	// NoRetry makes the streams of browsers begin with a comment instead. Clients that
	// are sent away still get a time. Default: false.
	NoRetry bool
	// Drain is the time over which subscribers are told to come back, and closed,
	// once Shutdown was called. Negative: all at once. Default: DefaultDrain.
	Drain time.Duration
	// ReplyTimeout is how long a publisher may leave its replies unread without
	// taking a byte. It is not read from meanwhile. Default: DefaultReplyTimeout.
	ReplyTimeout time.Duration

	// Authorize decides, for each request to subscribe that the Tokens allow, whether
	// it may: nil lets it in. An error refuses it, with 403 and the error's words, so
	// that a browser does not ask again; ErrUnauthenticated and ErrRetryLater say what
	// else an error can mean. An error that wraps context.DeadlineExceeded is treated as
	// ErrRetryLater.
	//
	// Each call has a goroutine of its own, so it may wait for whatever tells it. The
	// client waits meanwhile. ctx ends when that one has gone, or AuthorizeTimeout is
	// over, or the server ends, which do not wait for the call to return. Default:
	// everybody may.
	Authorize func(ctx context.Context, r *Request) error
	// AuthorizeMax is how many calls of Authorize there may be at once; the next
	// clients are asked to come back later. Default: DefaultAuthorizeMax.
	AuthorizeMax int
	// AuthorizeTimeout is how long a client waits for Authorize; then it is asked to
	// come back later. Default: DefaultAuthorizeTimeout.
	AuthorizeTimeout time.Duration

	// OnSubscribe is told of each new subscriber, OnUnsubscribe of its end: how it
	// stands then, with its age and messages, and the reason by the word that the log
	// has. They are called one after the other, in the order of what happened, on one
	// goroutine that is not the loop's. So they may take their time, and ask anything
	// of the Server but to wait in Shutdown or Serve. A panic in them ends the program.
	//
	// While ReportsMax calls wait, new subscribers are not reported, neither that they
	// come nor that they go. They are counted in Stats.Unreported, the log tells of
	// them, and OnUnreported is told, on the same goroutine, how many came and how many
	// went since it was told last: a program that keeps books calls Subscribers then, each
	// time. Default: nobody is told.
	OnSubscribe   func(SubscriberInfo)
	OnUnsubscribe func(c SubscriberInfo, reason string)
	OnUnreported  func(came, went int)
	// ReportsMax is how many calls of OnSubscribe and OnUnsubscribe may wait before
	// new subscribers go unreported. The ends of those who were reported come on
	// top. Default: DefaultReportsMax.
	ReportsMax int

	// Logger gets what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// Slow is what becomes of a subscriber that reads too slowly.
type Slow uint8

const (
	SlowDisconnect Slow = iota // it is closed, and comes back by itself
	SlowSkip                   // it is told how many messages it missed, and goes on with the newest
)

// withDefaults fills what is zero and refuses what cannot be meant.
func (o Options) withDefaults() (Options, error) {
	if len(o.Listen) == 0 {
		o.Listen = []string{":8001"}
	}
	publishersMax := 0
	if len(o.Publish) > 0 {
		publishersMax = min(DefaultPublishersMax, max(1, descriptorLimit()/4))
	}
	if o.PublishersMax == 0 {
		o.PublishersMax = publishersMax
	}
	for _, size := range []struct {
		value    *int
		fallback int
		name     string
	}{
		{&o.BacklogBytesMax, DefaultBacklogBytes, "BacklogBytesMax"},
		{&o.BacklogTotalBytesMax, DefaultBacklogTotalBytes, "BacklogTotalBytesMax"},
		{&o.HistoryBytesMax, DefaultHistoryBytes, "HistoryBytesMax"},
		{&o.MailboxBytesMax, DefaultMailboxBytes, "MailboxBytesMax"},
		{&o.DataBytesMax, sse.DataBytesMax, "DataBytesMax"},
		{&o.HeadBytesMax, httpparse.DefaultHeadBytesMax, "HeadBytesMax"},
		{&o.SendBufferBytes, DefaultSendBufferBytes, "SendBufferBytes"},
		{&o.AuthorizeMax, DefaultAuthorizeMax, "AuthorizeMax"},
		{&o.ReportsMax, DefaultReportsMax, "ReportsMax"},
		{&o.ConnsMax, descriptorLimit() - descriptorReserve - o.PublishersMax, "ConnsMax"},
	} {
		if *size.value == 0 {
			*size.value = size.fallback
		}
		if *size.value < 1 {
			return o, fmt.Errorf("loop: %s is %d, it must be 1 or more", size.name, *size.value)
		}
	}
	if frame := FrameBytesMax(o.DataBytesMax); o.BacklogBytesMax < frame {
		return o, fmt.Errorf("loop: a backlog of %d bytes cannot hold one message with %d bytes of data, which takes up to %d on the wire; raise BacklogBytesMax or lower DataBytesMax", o.BacklogBytesMax, o.DataBytesMax, frame)
	}
	if o.BacklogTotalBytesMax < o.BacklogBytesMax {
		return o, fmt.Errorf("loop: all backlogs together (%d bytes) must hold one (%d bytes); raise BacklogTotalBytesMax", o.BacklogTotalBytesMax, o.BacklogBytesMax)
	}
	if o.ConnsPerAddressMax < 0 || o.PublishersMax < 0 {
		return o, errors.New("loop: ConnsPerAddressMax and PublishersMax cannot be negative")
	}
	if o.Slow > SlowSkip {
		return o, errors.New("loop: Slow must be SlowDisconnect or SlowSkip")
	}
	if o.GapEvent == "" {
		o.GapEvent = sse.DefaultGapEvent
	}
	if err := CheckGapEvent(o.GapEvent); err != nil {
		return o, fmt.Errorf("loop: GapEvent: %w", err)
	}
	o.setTimes()
	if o.Heartbeat < time.Second || o.StallTimeout < time.Second || o.HeaderTimeout < tick || o.AuthorizeTimeout < tick || o.ReplyTimeout < tick {
		return o, errors.New("loop: Heartbeat and StallTimeout must be 1s or more, HeaderTimeout, AuthorizeTimeout and ReplyTimeout 100ms or more")
	}
	if err := CheckRetry(o.RetryMin, o.RetryMax); err != nil {
		return o, fmt.Errorf("loop: RetryMin and RetryMax: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	var err error
	o.Handover, err = o.Handover.withDefaults()
	return o, err
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

func (o *Options) setTimes() {
	if o.RetryMin == 0 {
		o.RetryMin = DefaultRetryMin
		if o.RetryMax != 0 {
			o.RetryMin = min(DefaultRetryMin, o.RetryMax)
		}
	}
	if o.RetryMax == 0 {
		o.RetryMax = max(DefaultRetryMax, o.RetryMin)
	}
	for _, t := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&o.Heartbeat, DefaultHeartbeat},
		{&o.HeaderTimeout, DefaultHeaderTimeout},
		{&o.AuthorizeTimeout, DefaultAuthorizeTimeout},
		{&o.StallTimeout, DefaultStallTimeout},
		{&o.Drain, DefaultDrain},
		{&o.ReplyTimeout, DefaultReplyTimeout},
	} {
		if *t.value == 0 {
			*t.value = t.fallback
		}
	}
}

// descriptorLimit returns RLIMIT_NOFILE, or a cautious guess if the kernel does
// not say.
func descriptorLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}

// FrameBytesMax is the longest frame of a message with so many bytes of data:
// data of nothing but line breaks, each of which becomes a line of six bytes. A
// backlog must hold it, or one message would close everybody.
func FrameBytesMax(dataBytes int) int {
	return sse.IDLineBytesMax + len("event: \n\n") + sse.EventBytesMax + len("data:\n")*(dataBytes+1)
}

// newTrust reads the networks of trusted proxies.
func newTrust(proxies []string) (trust, error) {
	var t trust
	for _, p := range proxies {
		if p == "unix" {
			t.unix = true
			continue
		}
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			addr, errAddr := netip.ParseAddr(p)
			if errAddr != nil {
				return t, fmt.Errorf(`the trusted proxy %q is no network such as "10.0.0.0/8", no address, and not "unix"`, p)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		t.prefixes = append(t.prefixes, prefix.Masked())
	}
	return t, nil
}
