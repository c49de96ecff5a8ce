package store

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

// Defaults of Options.
const (
	// DefaultTimeout is longer than a cluster needs to elect a new leader, which is four to
	// nine seconds.
	DefaultTimeout = 10 * time.Second
	// DefaultPreload is how many messages of the stream a daemon reads before it accepts
	// subscribers. They serve the subscribers that resume after a restart.
	DefaultPreload = 100_000
)

const (
	// retryPause is the pause between two attempts to use the stream.
	retryPause = time.Second
	// callTime is the timeout of one request to JetStream.
	callTime = 5 * time.Second
	// watchInterval is how often the stream's state is checked.
	watchInterval = 2 * time.Second
	// elsewhereAfter is how long requests for the stream may fail before the client
	// switches to another server. A cluster elects a new leader in less time.
	elsewhereAfter = 10 * time.Second
	// pingInterval is how often the client pings the server. A server that hangs is
	// noticed after three intervals.
	pingInterval = 3 * time.Second
	// backTimes is how often in a row the stream must appear to have lost its newest
	// messages before the Store believes it. A server that was the leader of its cluster
	// may report old figures for a while.
	backTimes = 5
	// reconnectPause is the pause between two attempts to reconnect.
	reconnectPause = 250 * time.Millisecond
)

// Options configure a Store: the stream, and the NATS server that has it.
//
// Zero means the default. A negative number means "none" or "no limit" if the field's comment says
// so, and is refused otherwise.
type Options struct {
	// Embedded runs a NATS server with the stream in this process. Default: nil; the
	// stream is on the Servers.
	Embedded *Embedded
	Servers  Servers
	Stream   Stream

	// Timeout is how long a publisher waits for the stream's acknowledgement before it gets
	// ERR busy. It must be 100ms or more. Default: DefaultTimeout.
	Timeout time.Duration
	// Preload is how many of the stream's newest messages are read at the start.
	// Negative: none. Default: DefaultPreload.
	Preload int
	// DataBytesMax is the maximum length of data that is delivered. Other programs may
	// publish longer data to the stream. Default: sse.DataBytesMax.
	DataBytesMax int
	// Reserved are the event names that only the server may send: see ssed.Options.ReservedEvents.
	// Messages in the stream with a reserved name are not delivered, but counted in
	// Status.Undeliverable. Default: none.
	Reserved sse.ReservedEvents
	// Logger receives the log lines for operators. Default: slog.Default().
	Logger *slog.Logger
}

// A Store is a loop.Store that keeps the messages in a stream of NATS JetStream. Serve
// runs it until Shutdown. All methods may be called from any goroutine.
type Store struct {
	opts   Options
	log    *slog.Logger
	sender *sender
	ready  chan struct{} // closed by Serve: see Ready
	done   chan struct{} // closed when Serve returns
	again  chan struct{} // holds one value if the stream should be checked now: see watch

	stopping context.Context // done once Shutdown is called
	stop     context.CancelFunc

	newest        atomic.Uint64 // see Newest
	undeliverable undeliverable

	// mu guards this group. Only Serve's goroutine writes embedded, conn, js and stream, so it
	// reads them without mu. mu is never held during a request to NATS.
	mu        sync.Mutex
	began     bool // Serve or Shutdown was called
	embedded  *embeddedServer
	conn      *nats.Conn
	js        jetstream.JetStream
	stream    jetstream.Stream // nil: not found yet
	status    Status
	interrupt context.CancelCauseFunc // stops the current consumer; nil: there was none yet

	// This group belongs to Serve's goroutine.
	failing time.Time // when requests for the stream began to fail; zero: they do not fail
	epoch   string    // of the ids that were handed to the loop; empty: none yet
	back    int       // how often in a row the stream had less than deliveredTo

	// deliveredTo is the sequence of the newest message that was handed to the loop. Serve's
	// goroutine writes it between two consumers. While there is a consumer, delivery does.
	deliveredTo atomic.Uint64
	live        chan struct{} // closed once the loop accepts subscribers: see Live
	liveOnce    sync.Once
}

// New returns a Store. It does not connect: Serve does. Messages that are published before that
// wait in the queue.
func New(opts Options) (*Store, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if err := opts.Servers.readable(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	opts = opts.withDefaults()
	s := &Store{
		opts:  opts,
		log:   opts.Logger,
		ready: make(chan struct{}),
		done:  make(chan struct{}),
		again: make(chan struct{}, 1),
		live:  make(chan struct{}),
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.sender = newSender(opts.Timeout, s.subject, s.raiseNewest)
	if opts.Embedded != nil {
		s.sender.boundCache(cmp.Or(opts.Embedded.CacheBytesMax, DefaultCacheBytes))
	}
	s.sender.setPaused(true)
	s.undeliverable.log = opts.Logger
	s.status.Stream = opts.Stream.Name
	return s, nil
}

func (s *Store) subject(namespace []byte) string {
	var short [128]byte // a longer subject is allocated
	return string(appendSubject(short[:0], s.opts.Stream.Name, namespace))
}

// raiseNewest records that the stream has a message with this sequence.
func (s *Store) raiseNewest(seq uint64) {
	for newest := s.newest.Load(); newest < seq && !s.newest.CompareAndSwap(newest, seq); {
		newest = s.newest.Load()
	}
}

// Submit implements loop.Store.
func (s *Store) Submit(m loop.PublishRequest, to loop.Acker) { s.sender.submit(m, to) }

// Full implements loop.Store.
func (s *Store) Full() bool { return s.sender.full() }

// Newest implements loop.Store. The stream has reported the sequence in a message, in an ack, or
// as its last one.
func (s *Store) Newest() uint64 { return s.newest.Load() }

// Wait implements loop.Store.
func (s *Store) Wait(ctx context.Context) error {
	for {
		room := s.sender.wait()
		if room == nil {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ready returns a channel that is closed once Serve runs. The stream may not be available yet:
// see Status.
func (s *Store) Ready() <-chan struct{} { return s.ready }

// Live returns a channel that is closed once all messages that were stored before startup are
// delivered. The loop accepts subscribers from then on.
func (s *Store) Live() <-chan struct{} { return s.live }

// begin reports whether this is the first call of Serve or Shutdown. If Shutdown comes first,
// Serve returns immediately.
func (s *Store) begin() (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = !s.began
	s.began = true
	return first
}

// Shutdown makes Serve return and waits for that. Serve answers all waiting publishers with ERR
// busy, closes the connection, and shuts the embedded server down, with its files synced.
func (s *Store) Shutdown(ctx context.Context) error {
	s.stop()
	if s.begin() {
		return nil // Serve was not called
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
