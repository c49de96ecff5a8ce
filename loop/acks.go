package loop

import (
	"context"

	"github.com/ssed/ssed/internal/inbox"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// With a Store, publishers get their replies when the Store has acknowledged their messages. There
// are three kinds of publishers, each with its own Acker:
//
//	storeReplier  a connection on the loop       acks go to an inbox; onWake sends replies
//	batch         a connection on another loop   that loop waits for the acks of its messages
//	oneMessage    a call of Server.Publish       the caller waits for one ack
//
// The Store may call Ack on any goroutine, also during submit. So Ack only adds to an inbox or a
// channel, and calls noteAck.

// An ack is the result of one submission to the Store.
type ack struct {
	to  *storeReplier
	seq uint64
	err error
}

// submit gives a message to the Store. Any goroutine may call it.
//
// It increases unacked before it reads stopping, and a shutdown sets stopping before settled reads
// unacked. So either submit sees that the server is stopping, or settled sees the submission and
// waits for it.
func (st *storeSequencer) submit(m PublishRequest, to Acker) error {
	st.unacked.Add(1)
	if st.stopping.Load() {
		st.unacked.Add(-1)
		return publish.ErrStopping
	}
	st.Submit(m, to)
	return nil
}

// noteAck counts an acknowledgement. During a shutdown, it wakes the loops for the last one,
// because settled waits for that. Any goroutine may call it.
func (st *storeSequencer) noteAck(l *Loop, seq uint64, err error) {
	if err == nil {
		for acked := st.acked.Load(); acked < seq && !st.acked.CompareAndSwap(acked, seq); {
			acked = st.acked.Load()
		}
	}
	if st.unacked.Add(-1) == 0 && st.stopping.Load() {
		l.shared.wakeAll()
	}
}

// A storeReplier is the replier of one publisher on the loop. gnet does not read the publisher
// while it waits for acks, so it is answered batch by batch, and the loop does not notice the end
// of the connection before the publisher has its replies. Ack runs on any goroutine, and everything
// else on the loop's.
type storeReplier struct {
	st       *storeSequencer
	l        *Loop
	p        *publisher
	replies  publish.Replies
	hasReply bool // an ack has arrived, and its reply was not sent yet
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
	if err := d.st.submit(PublishRequest{namespace, event, key, data}, d); err != nil {
		return 0, err
	}
	return 0, publish.ErrPending
}

// Ack implements Acker. The Store calls it from any goroutine.
func (d *storeReplier) Ack(seq uint64, err error) {
	d.st.acks.Put(ack{d, seq, err})
	d.st.noteAck(d.l, seq, err)
}

func (d *storeReplier) take(session *publish.Session, made []byte) []byte {
	d.replies.Add(session, made)
	return d.replies.Take(made[:0])
}

func (d *storeReplier) pending() bool { return d.replies.Waiting() > 0 }

// onWake sends the replies for acks that have arrived, and lets gnet read their publishers again.
// Then it gives the parts that were read from the Store to the subscribers that wait for them.
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

// publish gives a message of Server.Publish to the Store and waits until the Store has acknowledged
// it. Any goroutine may call it.
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
	if err := st.submit(PublishRequest{[]byte(namespace), []byte(m.Event), []byte(m.Key), m.Data}, c); err != nil {
		return err
	}
	select {
	case err := <-c.outcome:
		return err
	case <-ctx.Done():
		return ctx.Err() // the message may or may not be published
	}
}

// A oneMessage is the Acker of one call of Server.Publish.
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

// A batch is the publish.Sink for publishers on another event loop. That event loop reads one of
// them at a time, publishes its messages, and then waits in Settle for their acks. The methods run
// on its goroutine, except for Ack.
type batch struct {
	st      *storeSequencer
	l       *Loop
	acks    *inbox.Inbox[ack]
	arrived chan struct{} // has a value while acks is not empty
	spare   []ack
}

// sink returns a batch. See the sequencer interface.
func (st *storeSequencer) sink(l *Loop) publish.Sink {
	b := &batch{st: st, l: l, arrived: make(chan struct{}, 1)}
	b.acks = inbox.New[ack](func() { b.arrived <- struct{}{} })
	return b
}

// Publish implements publish.Sink.
func (b *batch) Publish(namespace, event, data []byte) (uint64, error) {
	return b.PublishKeyed(nil, namespace, event, data)
}

// PublishKeyed implements publish.KeyedSink. It waits for room in the Store. It does not wait
// forever, because every submission is acknowledged within a time limit.
func (b *batch) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	if err := b.st.Wait(context.Background()); err != nil {
		return 0, err
	}
	if err := b.st.submit(PublishRequest{namespace, event, key, data}, b); err != nil {
		return 0, err
	}
	return 0, publish.ErrPending
}

// Ack implements Acker.
func (b *batch) Ack(seq uint64, err error) {
	b.st.noteAck(b.l, seq, err)
	b.acks.Put(ack{seq: seq, err: err})
}

// Settle implements publish.Settler. It waits for the acks of all replies in to.
func (b *batch) Settle(to *publish.Replies) {
	for to.Waiting() > 0 {
		<-b.arrived
		b.spare = b.acks.Take(b.spare)
		for _, a := range b.spare {
			to.Settle(a.seq, a.err)
		}
	}
}
