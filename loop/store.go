package loop

import (
	"context"
	"time"

	"github.com/ssed/ssed/sse"
)

// A Store keeps messages outside this server: it outlives the server, or several
// servers share it. Published messages go to the Store and come back through the
// StoreSink with their numbers. The server assigns no numbers of its own, and it keeps
// only the newest part of what the Store has.
//
// All methods may be called from any goroutine.
type Store interface {
	// Submit hands a checked message in. It does not wait, and keeps none of the
	// message's slices. The answer comes later, once; those to one caller come in
	// the order of its calls. The loop calls it.
	Submit(m PublishRequest, to Acker)
	// Full tells whether as much is on its way as may be, so that the next Submit
	// should wait for an answer. The loop calls it.
	Full() bool
	// Wait returns once it is not Full. The error is the context's.
	Wait(ctx context.Context) error
	// Read reads what the store has kept. It may take as long as ctx lasts.
	Read(ctx context.Context, q Query) (Part, error)
	// Newest is the number of the newest message that is known to be in the store.
	// It is never less than what the StoreSink was given. The loop calls it.
	Newest() uint64
}

// A PublishRequest is one message on its way to the store.
type PublishRequest struct {
	Namespace, Event []byte
	Key              []byte // makes a repetition harmless; empty: none
	Data             []byte
}

// An Acker receives the result of one PublishRequest: its number in the store, or an
// error, which becomes the publisher's ERR.
type Acker interface {
	Ack(seq uint64, err error)
}

// A Query asks for a part of what the store has kept of a set: what is behind the
// number After, up to the number Until, about so many bytes of frames.
type Query struct {
	Set          []string // canonical, none below another
	After, Until uint64
	BytesMax     int
	// Last and Since, where they are not zero, stand for an After that is to be
	// found: before the newest so many messages up to the number Newest, or before
	// those from a time on.
	Last   int
	Newest uint64
	Since  time.Time
}

// A Part answers a Query.
type Part struct {
	After  uint64 // where it begins: that of the Query, or what was found
	Frames []byte // with their ids
	Ends   []sse.FrameEnd
	Last   bool   // there is no more up to Until
	Lost   uint64 // the newest message behind After that may be gone; 0: none is
	Newest uint64 // of all messages in the store, when it was asked
}

// A StoreSink brings a Store's messages into the loop. Its methods wait while the
// mailbox is full; their errors are the context's, or wrap publish.ErrBusy when the
// server has ended. One goroutine calls them.
type StoreSink struct{ box *mailbox }

// StoreSink returns the sink that a Store delivers to.
func (l *Loop) StoreSink() StoreSink { return StoreSink{l.mailbox} }

// The words of a Store: a record with one of these has no namespace.
const (
	controlSkip  = 's'
	controlBegin = 'b' // an epoch follows
	controlLive  = 'l'
	controlTrim  = 't'
)

// Begin tells where the messages begin that will be delivered: behind a number, in
// an epoch that all servers at the store have in common. If there was another before,
// or a larger number was delivered, the store has lost messages that it had, and
// everybody is told of the gap.
func (i StoreSink) Begin(ctx context.Context, epoch string, newest uint64) error {
	return i.putControl(ctx, newest, append([]byte{controlBegin}, epoch...))
}

// Live tells that what was published before the server came is delivered: from now
// on it takes subscribers.
func (i StoreSink) Live(ctx context.Context) error { return i.putControl(ctx, 0, []byte{controlLive}) }

// Deliver brings the message with a number. What was delivered before is passed
// over. If numbers are left out, everybody is told of the gap, once for all up to the
// store's newest; before Live there is nobody to tell.
func (i StoreSink) Deliver(ctx context.Context, seq uint64, namespace, event, data []byte) error {
	_, err := i.box.putNumbered(ctx, seq, namespace, event, data)
	return err
}

// Skip advances past a message that cannot be delivered.
func (i StoreSink) Skip(ctx context.Context, seq uint64) error {
	return i.putControl(ctx, seq, []byte{controlSkip})
}

// Trim tells that the store has let go of its messages up to a number. Nobody gets them
// any more.
func (i StoreSink) Trim(ctx context.Context, until uint64) error {
	return i.putControl(ctx, until, []byte{controlTrim})
}

func (i StoreSink) putControl(ctx context.Context, seq uint64, word []byte) error {
	_, err := i.box.putNumbered(ctx, seq, nil, nil, word)
	return err
}
