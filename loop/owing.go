package loop

import (
	"context"
	"errors"
	"sync"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// What a Store's publishers are owed: their replies come when the store has answered.

// An owing is the publish.KeyedSink of one publisher on the loop. While it owes
// replies the publisher is not read, so it is answered batch by batch, and its end
// is not noticed before it has them.
type owing struct {
	l       *loop
	p       *publisher
	replies publish.Replies
	touched bool // it has an answer that was not looked after yet
}

// An answer is one of the store's, on its way to the loop.
type answer struct {
	to  *owing
	seq uint64
	err error
}

// A landing is where a Store's goroutines put down what the loop will look after.
type landing struct {
	mu      sync.Mutex
	answers []answer
	flights []*flight
}

func (g *landing) take(spare []answer) (answers []answer, flights []*flight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	answers, g.answers = g.answers, spare
	flights, g.flights = g.flights, nil
	return answers, flights
}

// Publish is that of publish.Sink.
func (o *owing) Publish(namespace, event, data []byte) (uint64, error) {
	return o.PublishKeyed(nil, namespace, event, data)
}

// PublishKeyed is that of publish.KeyedSink.
func (o *owing) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	if err := o.l.submit(PublishRequest{namespace, event, key, data}, o); err != nil {
		return 0, err
	}
	return 0, publish.ErrPending
}

// Ack implements Acker. It is called by the Store.
func (o *owing) Ack(seq uint64, err error) {
	g := &o.l.store.landed
	g.mu.Lock()
	g.answers = append(g.answers, answer{o, seq, err})
	first := len(g.answers) == 1
	g.mu.Unlock()
	o.l.answered(seq, err)
	if first {
		o.l.wakeup.notify()
	}
}

// land looks after what a Store has put down: answers first, which make room.
func (r *storeClient) land(l *loop) {
	if r.Store == nil {
		return
	}
	answers, flights := r.landed.take(r.answers[:0])
	for _, a := range answers {
		a.to.replies.Settle(a.seq, a.err)
		a.to.touched = true
	}
	for _, a := range answers {
		if a.to.touched {
			a.to.touched = false
			a.to.p.settle(l)
		}
	}
	clear(answers)
	r.answers = answers
	for _, f := range flights {
		f.land(l)
	}
}

// owes tells whether p waits for answers of the store.
func (p *publisher) owes() bool { return p.owing != nil && p.owing.replies.Waiting() > 0 }

// sink is where p's messages go.
func (p *publisher) sink(l *loop) publish.Sink {
	if p.owing == nil {
		return l
	}
	return p.owing
}

// settle sends p what can be sent by now.
func (p *publisher) settle(l *loop) {
	if p.conn == nil {
		return
	}
	l.replies = p.owing.replies.Take(l.replies[:0])
	if !p.reply(l, l.replies) {
		p.close()
		return
	}
	p.goOn(l)
}

// goOn reads p again, or ends its conversation, unless it still waits for replies
// or to be let in.
func (p *publisher) goOn(l *loop) {
	switch {
	case p.waiting || p.owes():
	case p.leaving:
		p.close()
	default:
		if !p.inLine {
			l.attach(p)
		}
		if p.broken {
			p.close()
		}
	}
}

// publishToStore is Publish where there is a Store: it returns when the store has
// the message.
func (s *Server) publishToStore(ctx context.Context, m sse.Message, namespace string) error {
	if s.loop.store.Store == nil {
		return errNoKeys
	}
	if m.Key != "" {
		if err := sse.CheckKey(m.Key); err != nil {
			return err
		}
	}
	if err := s.loop.store.Wait(ctx); err != nil {
		return err
	}
	one := &oneAnswer{l: s.loop, came: make(chan error, 1)}
	err := s.loop.submit(PublishRequest{[]byte(namespace), []byte(m.Event), []byte(m.Key), m.Data}, one)
	if err != nil {
		return err
	}
	select {
	case err := <-one.came:
		return err
	case <-ctx.Done():
		return ctx.Err() // it may be published, or not
	}
}

type oneAnswer struct {
	l    *loop
	came chan error
}

// Ack implements Acker.
func (o *oneAnswer) Ack(seq uint64, err error) {
	o.l.answered(seq, err)
	o.came <- err
}

// A batch is the publish.Sink of publishers on a loop of their own, which waits for
// the answers to what it has read of one of them.
type batch struct {
	l       *loop
	mu      sync.Mutex
	come    sync.Cond // its lock is mu
	answers []answer
}

func newBatch(l *loop) *batch {
	b := &batch{l: l}
	b.come.L = &b.mu
	return b
}

// Publish is that of publish.Sink.
func (b *batch) Publish(namespace, event, data []byte) (uint64, error) {
	return b.PublishKeyed(nil, namespace, event, data)
}

// PublishKeyed is that of publish.KeyedSink. It waits for room, which comes: what is
// on its way is answered in time.
func (b *batch) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	if err := b.l.store.Wait(context.Background()); err != nil {
		return 0, err
	}
	if err := b.l.submit(PublishRequest{namespace, event, key, data}, b); err != nil {
		return 0, err
	}
	return 0, publish.ErrPending
}

// Ack implements Acker.
func (b *batch) Ack(seq uint64, err error) {
	b.l.answered(seq, err)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = append(b.answers, answer{seq: seq, err: err})
	b.come.Signal()
}

// Settle is that of publish.Settler.
func (b *batch) Settle(to *publish.Replies) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for to.Waiting() > 0 {
		for len(b.answers) == 0 {
			b.come.Wait()
		}
		for _, a := range b.answers {
			to.Settle(a.seq, a.err)
		}
		clear(b.answers)
		b.answers = b.answers[:0]
	}
}

// errNoKeys is for a message with a key where nobody would know it again.
var errNoKeys = errors.New("loop: this server keeps no keys, so the message's would mean nothing: it takes a Store")
