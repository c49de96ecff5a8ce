package loop

import (
	"context"
	"time"

	"github.com/ssed/ssed/sse"
)

// A Store keeps messages outside this server, so that they outlive it, or so that several servers
// can share them. Published messages go to the Store, and return through the StoreSink with their
// numbers. With a Store, the server assigns no numbers itself, and its memory holds only the newest
// of the Store's messages.
//
// All methods may be called from any goroutine.
type Store interface {
	// Submit gives a checked message to the Store. It does not block, and keeps none of the
	// message's slices. The Store calls to.Ack once, usually after Submit has returned. The acks
	// for one Acker arrive in the order of its calls of Submit. The loop calls Submit, so it must
	// not take long.
	Submit(m PublishRequest, to Acker)
	// Full reports whether the limit of messages in flight is reached, in which case callers should
	// wait before they call Submit again. The loop calls it.
	Full() bool
	// Wait returns once the Store is not Full. The error is the context's.
	Wait(ctx context.Context) error
	// Read reads messages that the Store has kept. It may take as long as ctx allows.
	Read(ctx context.Context, q Query) (Part, error)
	// Newest returns the number of the newest message that is known to be in the Store. It is never
	// less than the number that the StoreSink was given last. The loop calls it.
	Newest() uint64
}

// A PublishRequest is one message to submit to the Store.
type PublishRequest struct {
	Namespace, Event []byte
	Key              []byte // identifies repetitions, so that they have no effect; empty: no key
	Data             []byte
}

// An Acker receives the result of each PublishRequest that was submitted with it: the message's
// number in the Store, or an error, which becomes the publisher's ERR. The Store may call Ack on
// any goroutine, even during Submit, so Ack must not block and must not call the Store.
type Acker interface {
	Ack(seq uint64, err error)
}

// A Query asks for kept messages of a set, with numbers greater than After and up to Until. The
// Part should have about BytesMax bytes of frames.
type Query struct {
	Set          []string // canonical; no member is below another one
	After, Until uint64
	BytesMax     int
	// If Last or Since is set, the Store determines After: it is the number before the newest Last
	// messages up to the number Newest, or the number before the messages since the time Since.
	Last   int
	Newest uint64
	Since  time.Time
}

// A Part is the result of a Query.
type Part struct {
	After  uint64 // where the part starts: After of the Query, or the number found
	Frames []byte // with their id lines
	Ends   []sse.FrameEnd
	Last   bool   // there are no more messages up to Until
	Lost   uint64 // the newest message after After that may be lost; 0: no message is lost
	Newest uint64 // number of the newest message in the Store when it was read
}

// A StoreSink carries a Store's messages into the event loops. Its methods wait while the mailbox
// of a loop is full. Their errors are the context's, or wrap publish.ErrBusy when the server has
// stopped.
//
//	Begin ─► Deliver, Skip ... ─► Live ─► Deliver, Skip ...
//
// These calls may come from different goroutines, but must not overlap: their order is the order of
// the messages. The sequence may start again, for example after a reconnection. After the first
// Begin, any goroutine may call Trim at any time, even during another call.
type StoreSink struct{ to inlet }

// StoreSink returns the sink that a Store delivers to.
func (l *Loop) StoreSink() StoreSink { return StoreSink{l.inlet()} }

// A control record is a record of the mailbox without a namespace. Its frame starts with one of
// these bytes.
const (
	controlSkip  = 's'
	controlBegin = 'b' // followed by an epoch
	controlLive  = 'l'
	controlTrim  = 't'
)

// Begin announces that the next messages follow the number newest, in an epoch that all servers of
// the Store share. If the epoch differs from an earlier one, or if a larger number was delivered
// before, the Store has lost messages. All subscribers then get a gap event.
func (i StoreSink) Begin(ctx context.Context, epoch string, newest uint64) error {
	return i.putControl(ctx, newest, append([]byte{controlBegin}, epoch...))
}

// Live announces that all messages from before the server's start are delivered. The server accepts
// subscribers from now on.
func (i StoreSink) Live(ctx context.Context) error { return i.putControl(ctx, 0, []byte{controlLive}) }

// Deliver delivers the message with the number seq. A message that was delivered before is ignored.
// If numbers are missing, all subscribers get a gap event, which covers all numbers up to the
// Store's newest message. Before Live there are no subscribers.
func (i StoreSink) Deliver(ctx context.Context, seq uint64, namespace, event, data []byte) error {
	_, err := i.to.putNumbered(ctx, seq, namespace, event, data)
	return err
}

// Skip advances past a message that cannot be delivered.
func (i StoreSink) Skip(ctx context.Context, seq uint64) error {
	return i.putControl(ctx, seq, []byte{controlSkip})
}

// Trim announces that the Store has deleted its messages up to the number until. Replays no longer
// include them.
func (i StoreSink) Trim(ctx context.Context, until uint64) error {
	return i.putControl(ctx, until, []byte{controlTrim})
}

func (i StoreSink) putControl(ctx context.Context, seq uint64, control []byte) error {
	_, err := i.to.putNumbered(ctx, seq, nil, nil, control)
	return err
}
