package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/sse"
)

// A faultyServer accepts messages and simulates faults: it refuses connections, is full, cuts
// connections before and after it has processed their input, and is busy. With keys, it simulates a
// server with a store whose confirmation may get lost after the message was stored.
type faultyServer struct {
	random *rand.Rand
	faults int // the probability of each fault, in percent

	mu        sync.Mutex
	published []string
	keys      map[string]uint64 // nil: keys are not supported
	busy      int               // messages that were refused as busy
}

func (s *faultyServer) bad() bool { return s.random.IntN(100) < s.faults }

func (s *faultyServer) Publish(_, _, data []byte) (uint64, error) {
	if s.bad() {
		s.busy++
		return 0, fmt.Errorf("%w: nothing was stored", ErrBusy)
	}
	s.published = append(s.published, string(data))
	return uint64(len(s.published)), nil
}

// A keyedServer is a faultyServer that supports keys.
type keyedServer struct{ *faultyServer }

func (s keyedServer) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	if sequence, ok := s.keys[string(key)]; ok {
		return sequence, nil
	}
	sequence, err := s.Publish(namespace, event, data)
	if err != nil {
		return 0, err
	}
	s.keys[string(key)] = sequence
	if s.bad() {
		s.busy++
		return 0, fmt.Errorf("%w: it is not known whether it is stored", ErrBusy)
	}
	return sequence, nil
}

// connect is the connect function for startRetry.
func (s *faultyServer) connect(ctx context.Context) (*Client, error) {
	s.mu.Lock()
	away, full := s.bad(), s.bad()
	s.mu.Unlock()
	switch {
	case away:
		return nil, errors.New("connection refused")
	case full:
		return nil, refuse(CodeBusy, "too many are connected")
	}
	return hello(ctx, s.serve)
}

// hello connects a client to serve through a pipe, and sends PING, like the function connect.
func hello(ctx context.Context, serve func(net.Conn)) (*Client, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		serve(far)
	}()
	c := newClient(near)
	if _, err := c.do(ctx, request{text: []byte("PING\n")}); err != nil {
		c.Close()
		return nil, &dialError{"publish", listen.Endpoint{Network: "tcp", Address: "x"}, err}
	}
	return c, nil
}

func (s *faultyServer) serve(conn net.Conn) {
	var sink Sink = s
	if s.keys != nil {
		sink = keyedServer{s}
	}
	session, in := NewSession(&open), make([]byte, 1000)
	for {
		n, err := conn.Read(in)
		if err != nil {
			return
		}
		s.mu.Lock()
		lost := s.bad()
		var replies []byte
		if !lost {
			replies, _ = session.Feed(in[:n], sink, nil)
		}
		if s.bad() {
			replies, lost = replies[:s.random.IntN(len(replies)+1)], true
		}
		s.mu.Unlock()
		if _, err := conn.Write(replies); err != nil || lost {
			return
		}
	}
}

// begin starts a RetryClient, and repeats this until the first connection succeeds.
func begin(t *testing.T, s *faultyServer, opts RetryOptions) *RetryClient {
	t.Helper()
	for {
		if r, err := startRetry(t.Context(), opts, s.connect); err == nil {
			return r
		}
	}
}

func playFaults(t *testing.T, seed uint64, keys bool) (lost, again, twins int) {
	const total = 3000
	s := &faultyServer{random: rand.New(rand.NewPCG(seed, 5)), faults: 3}
	if keys {
		s.keys = map[string]uint64{}
	}
	doubtful, answered := 0, make([]int, total)
	calls := 0 // without a lock, because the functions are called one after the other
	r := begin(t, s, RetryOptions{
		Lost: func(l Loss) {
			calls++
			lost++
			if l.Err == nil || l.Wait <= 0 || l.Wait > 30*time.Second {
				t.Errorf("seed %d: %+v", seed, l)
			}
		},
		Resent: func(r Resent) {
			calls++
			again, doubtful = again+r.Messages, doubtful+r.Doubtful
			if r.Doubtful > r.Messages || keys && r.Doubtful > 0 {
				t.Errorf("seed %d: %+v", seed, r)
			}
		},
	})
	for i := range total {
		m := sse.Message{Namespace: "/x", Data: fmt.Append(nil, i)}
		err := r.PublishAsync(t.Context(), m, func(sequence uint64, err error) {
			calls++
			if answered[i]++; err != nil || sequence == 0 {
				t.Errorf("seed %d: message %d: %d, %v", seed, i, sequence, err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if i%500 == 0 { // a pause, so that connections also end while no message is in flight
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Close()
	synctest.Wait()
	checkPublished(t, seed, s, answered, doubtful)
	return lost, again, len(s.published) - total
}

func checkPublished(t *testing.T, seed uint64, s *faultyServer, answered []int, doubtful int) {
	t.Helper()
	times, newest, behind := map[string]int{}, -1, 0
	for _, data := range s.published {
		n := 0
		fmt.Sscan(data, &n)
		if times[data] == 0 && n < newest {
			behind++
		}
		times[data]++
		newest = max(newest, n)
	}
	if behind > s.busy {
		t.Errorf("seed %d: %d messages were published after later ones, but only %d were refused as busy", seed, behind, s.busy)
	}
	for i, n := range answered {
		if n != 1 || times[fmt.Sprint(i)] == 0 {
			t.Errorf("seed %d: message %d was answered %d times, and published %d times", seed, i, n, times[fmt.Sprint(i)])
		}
	}
	if twins := len(s.published) - len(answered); twins > doubtful {
		t.Errorf("seed %d: %d messages were published twice, and %d were in doubt", seed, twins, doubtful)
	}
}
