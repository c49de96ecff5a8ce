package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// Defaults of Options.
const (
	// DefaultTimeout is longer than a cluster needs to find a new leader, which takes
	// it four to nine seconds.
	DefaultTimeout = 10 * time.Second
	// DefaultPreload is what a server reads of the stream before it takes
	// subscribers: what those who come back after a restart have missed.
	DefaultPreload = 100_000
)

const (
	// retryPause lies between two attempts to reach the stream.
	retryPause = time.Second
	// callTime is how long one question to JetStream may take.
	callTime = 5 * time.Second
	// watchInterval is how often the stream's state is looked at.
	watchInterval = 2 * time.Second
	// elsewhereAfter is how long nobody may answer for the stream before another server
	// is tried. A cluster needs less to find a new leader.
	elsewhereAfter = 10 * time.Second
	// pingInterval is how often the server is asked whether it is there. One that
	// hangs is noticed after three of them.
	pingInterval = 3 * time.Second
	// backTimes is how often a stream must seem to have lost its newest messages
	// until it is believed: a server that was the leader of its cluster may say so
	// for a while.
	backTimes = 5
	// reconnectPause lies between two attempts to connect again.
	reconnectPause = 250 * time.Millisecond
)

// Options say which stream a Store uses, and where it is.
//
// One rule holds for zero values. Zero means the default. A negative number means "none"
// or "no limit" where the field says so, and is refused elsewhere.
type Options struct {
	// Embedded runs a NATS server with the stream in this process. Default: nil; the
	// stream is on the Servers.
	Embedded *Embedded
	Servers  Servers
	Stream   Stream

	// Timeout is how long a publisher waits for the stream's acknowledgement before its
	// reply says that the server is busy, 100ms or more. Default: DefaultTimeout.
	Timeout time.Duration
	// Preload is how many of the stream's newest messages are read at the start.
	// Negative: none. Default: DefaultPreload.
	Preload int
	// DataBytesMax is the longest data that is delivered. Other programs may publish
	// longer data to the stream. Default: sse.DataBytesMax.
	DataBytesMax int
	// Reserved are the event names that the server sends itself: see
	// ssed.Options.ReservedEvents. Messages in the stream that have one of them are
	// not delivered, but counted in Status.Undeliverable. Default: none.
	Reserved sse.ReservedEvents
	// Logger gets what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// A Store is a loop.Store that keeps the messages in a stream of NATS JetStream. Serve
// runs it until Shutdown. All methods may be called from any goroutine.
type Store struct {
	opts   Options
	log    *slog.Logger
	sender *sender
	ready  chan struct{}
	done   chan struct{}
	again  chan struct{} // has something when the stream is to be looked at, sooner than by the clock

	stopping context.Context // ends with Shutdown
	stop     context.CancelFunc

	newest        atomic.Uint64 // see Newest
	expected      atomic.Uint64 // what it should be by what the consumer has yet to send
	undeliverable undeliverable

	mu       sync.Mutex
	began    bool // Serve was called, or Shutdown before it
	embedded *embeddedServer
	conn     *nats.Conn
	js       jetstream.JetStream
	stream   jetstream.Stream // nil: it is not reached yet
	status   Status

	interrupt context.CancelCauseFunc // ends the present consumer; nil: there was none yet

	// Serve's goroutine writes these: when the stream could not be asked first, and
	// what was handed to the loop.
	failing     time.Time
	epoch       string
	deliveredTo atomic.Uint64
	back        int           // how often the stream had less than that
	live        chan struct{} // closed once that is all that was there before
	liveOnce    sync.Once
}

// New makes a Store. It does not connect yet; what is published meanwhile waits.
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
	var short [128]byte // what is longer is allocated
	return string(appendSubject(short[:0], s.opts.Stream.Name, namespace))
}

// raiseNewest records that the stream has a message with this number.
func (s *Store) raiseNewest(seq uint64) {
	for newest := s.newest.Load(); newest < seq && !s.newest.CompareAndSwap(newest, seq); {
		newest = s.newest.Load()
	}
}

// Submit implements loop.Store.
func (s *Store) Submit(m loop.PublishRequest, to loop.Acker) { s.sender.submit(m, to) }

// Full implements loop.Store.
func (s *Store) Full() bool { return s.sender.full() }

// Newest implements loop.Store.
//
// What the consumer expects is now and then too much, where the stream lets go of
// messages at the same time; so it counts until the stream is looked at again.
func (s *Store) Newest() uint64 { return max(s.newest.Load(), s.expected.Load()) }

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

// Ready is closed once Serve has begun. That the stream is reached is another
// matter: see Status.
func (s *Store) Ready() <-chan struct{} { return s.ready }

// Live is closed once all that the stream had before the server is delivered, so that
// the loop takes subscribers.
func (s *Store) Live() <-chan struct{} { return s.live }

// Serve connects, finds the stream or makes it, and delivers what is in it to a
// server, until Shutdown; then it returns nil. Where the stream is not to be had it
// tries again; but an embedded store that cannot be used, and a stream that is not as
// the options want it, are errors.
func (s *Store) Serve(to loop.StoreSink) error {
	if !s.begin() {
		return nil
	}
	defer close(s.done)
	ctx, cancel := context.WithCancel(s.stopping)
	defer cancel()
	defer s.release()
	if err := s.open(); err != nil {
		return err
	}
	close(s.ready)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel() // an error ends it, too
	running.Go(func() { s.sender.run(ctx.Done()) })
	defer s.sender.close()
	for ctx.Err() == nil {
		err := s.serveStream(ctx, to)
		if _, final := errors.AsType[*finalError](err); final {
			return err
		}
		if errors.Is(err, publish.ErrBusy) { // the server has ended, and so will we
			<-ctx.Done()
		}
		if ctx.Err() == nil && !errors.Is(err, errReconnected) {
			s.lost(s.explained(err))
			s.noteFailure()
			s.giveUpFailed()
			select {
			case <-ctx.Done():
			case <-time.After(retryPause):
			}
		}
	}
	return nil
}

// begin tells whether Serve, or Shutdown, is the first to be called.
func (s *Store) begin() (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = !s.began
	s.began = true
	return first
}

// A finalError is one that no attempt will mend.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// errStoreFailed means that the embedded server could not write. It answers nobody
// from then on, and must be started anew.
var errStoreFailed = errors.New("the store cannot be written to: is its disk full?")

// giveUpFailed ends the embedded server, and the connection to it, if it has failed.
func (s *Store) giveUpFailed() {
	select {
	case <-s.failed():
	default:
		return
	}
	s.mu.Lock()
	conn, store := s.conn, s.embedded
	s.conn, s.embedded, s.stream = nil, nil, nil
	s.status.Reached = false
	s.mu.Unlock()
	s.sender.detach()
	if conn != nil {
		conn.Close()
	}
	store.shutdown()
}

// failed is closed when the embedded server has failed.
func (s *Store) failed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.embedded == nil {
		return nil
	}
	return s.embedded.failed
}

// open starts the embedded server, if there is to be one and there is none.
func (s *Store) open() error {
	if s.opts.Embedded == nil || s.embedded != nil {
		return nil
	}
	store, err := startEmbedded(embeddedOptions{Embedded: *s.opts.Embedded, StoreBytesMax: max(0, s.opts.Stream.MaxBytes), Log: s.log})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.embedded = store
	return nil
}

// serveStream reaches the stream and delivers what is in it until something breaks that
// the connection does not mend by itself.
func (s *Store) serveStream(ctx context.Context, to loop.StoreSink) error {
	if err := s.open(); err != nil {
		return err
	}
	if err := s.connect(); err != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	stream, err := ensureStream(asked, s.js, s.opts.Stream.config(s.log))
	if errors.Is(err, errStreamDiffers) || errors.Is(err, errStreamUnfit) {
		return &finalError{err}
	}
	if err != nil {
		s.sender.setPaused(true)
		return err
	}
	info, err := stream.Info(asked)
	if err != nil {
		return err
	}
	if !leads(info) {
		return errCutOff
	}
	epoch := s.epochOf(info)
	if s.embedded != nil {
		if err := shortenCache(s.embedded.server, s.opts.Stream.Name); err != nil {
			s.log.Warn("the store's cache keeps its default time, so the store takes more memory under load", "err", err)
		}
	}
	s.reached(stream, info, epoch)
	s.sender.setPaused(false)
	from := firstOf(info.State, s.opts.Preload)
	if at := s.deliveredTo.Load(); epoch == s.epoch {
		if info.State.LastSeq < at && !s.wentBack() {
			return fmt.Errorf("the stream's last message is %d, and %d was delivered: its server may not have caught up yet", info.State.LastSeq, at)
		}
		from = min(at, info.State.LastSeq) + 1
	}
	if epoch != s.epoch || info.State.LastSeq < s.deliveredTo.Load() {
		s.newest.Store(info.State.LastSeq)
	}
	s.epoch, s.back = epoch, 0
	s.raiseNewest(info.State.LastSeq)
	s.deliveredTo.Store(from - 1)
	if err := to.Begin(ctx, epoch, from-1); err != nil {
		return err
	}
	return s.consume(ctx, to, stream, epoch, from, info.State.LastSeq)
}

// Shutdown ends Serve, closes the connection, and ends the embedded server, whose
// files are then whole. What is still on its way is answered "busy".
func (s *Store) Shutdown(ctx context.Context) error {
	s.stop()
	if s.begin() {
		return nil // it never served
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release gives back what Serve held.
func (s *Store) release() {
	s.mu.Lock()
	conn, store := s.conn, s.embedded
	s.mu.Unlock()
	if conn != nil {
		conn.SetDisconnectErrHandler(nil) // it is not lost, it is not needed any more
		conn.Close()
	}
	if store != nil {
		store.shutdown()
	}
}
