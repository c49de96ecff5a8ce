package loop

import (
	"context"

	"github.com/ssed/ssed/internal/inbox"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// Publishers get their replies when the Store has acknowledged their messages. There are
// three kinds of them, each with its Acker: connections on the loop (storeReplier), those
// on a loop of their own (batch), and callers of Server.Publish (oneMessage).

// An ack is the outcome of one submission to the Store.
type ack struct {
	to  *storeReplier
	seq uint64
	err error
}

// submit hands a message to the Store. Any goroutine may call it.
func (st *storeSequencer) submit(l *Loop, m PublishRequest, to Acker) error {
	st.unacked.Add(1) // before it is asked whether the server ends: settled waits for what is unacknowledged
	if l.stop.Load() != stopNone {
		st.unacked.Add(-1)
		return publish.ErrStopping
	}
	st.Submit(m, to)
	return nil
}

// noteAck counts an acknowledgement. Any goroutine may call it.
func (st *storeSequencer) noteAck(l *Loop, seq uint64, err error) {
	if err == nil {
		for acked := st.acked.Load(); acked < seq && !st.acked.CompareAndSwap(acked, seq); {
			acked = st.acked.Load()
		}
	}
	if st.unacked.Add(-1) == 0 && l.stop.Load() != stopNone {
		st.wake()
	}
}

// A storeReplier is the replier of one publisher on the loop. While it waits for acks the
// publisher is not read, so it is answered batch by batch, and its end is not noticed
// before it has its replies.
type storeReplier struct {
	st       *storeSequencer
	l        *Loop
	p        *publisher
	replies  publish.Replies
	hasReply bool // it has an ack whose reply was not sent yet
}

func (st *storeSequencer) replierFor(l *Loop, p *publisher) replier {
	return &storeReplier{st: st, l: l, p: p}
}

// Publish implements publish.Sink.
func (d *storeReplier) Publish(namespace, event, data []byte) (uint64, error) {
	return d.PublishKeyed(nil, namespace, event, data)
}

// PublishKeyed implements publish.KeyedSink.
func (d *storeReplier) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	if err := d.st.submit(d.l, PublishRequest{namespace, event, key, data}, d); err != nil {
		return 0, err
	}
	return 0, publish.ErrPending
}

// Ack implements Acker. The Store calls it.
func (d *storeReplier) Ack(seq uint64, err error) {
	d.st.acks.Put(ack{d, seq, err})
	d.st.noteAck(d.l, seq, err)
}

func (d *storeReplier) take(session *publish.Session, made []byte) []byte {
	d.replies.Add(session, made)
	return d.replies.Take(made[:0])
}

func (d *storeReplier) pending() bool { return d.replies.Waiting() > 0 }

// onWake sends the replies for acks that have come, which makes room for more messages,
// and then gives the parts that were read to their subscribers.
func (st *storeSequencer) onWake(l *Loop) {
	acks := st.acks.Take(st.spareAcks)
	st.spareAcks = acks
	for _, a := range acks {
		a.to.replies.Settle(a.seq, a.err)
		a.to.hasReply = true
	}
	for _, a := range acks {
		if a.to.hasReply {
			a.to.hasReply = false
			a.to.p.sendReady(l, &a.to.replies)
		}
	}
	clear(acks)
	for _, f := range st.reads.done.Take(nil) {
		st.complete(l, f)
	}
}

// publish waits until the Store has the message.
func (st *storeSequencer) publish(ctx context.Context, l *Loop, namespace string, m sse.Message) error {
	if m.Key != "" {
		if err := sse.CheckKey(m.Key); err != nil {
			return err
		}
	}
	if err := st.Wait(ctx); err != nil {
		return err
	}
	c := &oneMessage{st: st, l: l, outcome: make(chan error, 1)}
	if err := st.submit(l, PublishRequest{[]byte(namespace), []byte(m.Event), []byte(m.Key), m.Data}, c); err != nil {
		return err
	}
	select {
	case err := <-c.outcome:
		return err
	case <-ctx.Done():
		return ctx.Err() // it may be published, or not
	}
}

// A oneMessage is the Acker of one Server.Publish.
type oneMessage struct {
	st      *storeSequencer
	l       *Loop
	outcome chan error
}

// Ack implements Acker.
func (m *oneMessage) Ack(seq uint64, err error) {
	m.st.noteAck(m.l, seq, err)
	m.outcome <- err
}

// A batch is the publish.Sink of publishers on a loop of their own. That loop waits for
// the acks of what it has read of one of them.
type batch struct {
	st      *storeSequencer
	l       *Loop
	acks    *inbox.Inbox[ack]
	arrived chan struct{} // holds a value while acks has some
	spare   []ack
}

func (st *storeSequencer) sink(l *Loop) publish.Sink {
	b := &batch{st: st, l: l, arrived: make(chan struct{}, 1)}
	b.acks = inbox.New[ack](func() { b.arrived <- struct{}{} })
	return b
}

// Publish implements publish.Sink.
func (b *batch) Publish(namespace, event, data []byte) (uint64, error) {
	return b.PublishKeyed(nil, namespace, event, data)
}

// PublishKeyed implements publish.KeyedSink. It waits for room, which comes: whatever is
// under way is acknowledged in time.
func (b *batch) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	if err := b.st.Wait(context.Background()); err != nil {
		return 0, err
	}
	if err := b.st.submit(b.l, PublishRequest{namespace, event, key, data}, b); err != nil {
		return 0, err
	}
	return 0, publish.ErrPending
}

// Ack implements Acker.
func (b *batch) Ack(seq uint64, err error) {
	b.st.noteAck(b.l, seq, err)
	b.acks.Put(ack{seq: seq, err: err})
}

// Settle implements publish.Settler.
func (b *batch) Settle(to *publish.Replies) {
	for to.Waiting() > 0 {
		<-b.arrived
		b.spare = b.acks.Take(b.spare)
		for _, a := range b.spare {
			to.Settle(a.seq, a.err)
		}
	}
}
