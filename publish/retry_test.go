package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ssed/ssed/sse"
)

// TestRetryClientLosesNothing runs a client against random faults. It checks that each message is
// published and answered once. With a server that supports keys, no message may be published twice;
// with any other server, no more of them than Resent has counted.
func TestRetryClientLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys bool
	}{{"with keys", true}, {"without keys", false}} {
		t.Run(tt.name, func(t *testing.T) {
			lost, again, twins := 0, 0, 0
			for seed := range uint64(60) {
				synctest.Test(t, func(t *testing.T) {
					l, a, w := playFaults(t, seed, tt.keys)
					lost, again, twins = lost+l, again+a, twins+w
				})
			}
			t.Logf("%d losses, %d messages sent again, %d published twice", lost, again, twins)
			if lost < 100 || again < 100 || !tt.keys && twins < 10 {
				t.Error("the faults are too few to show anything")
			}
		})
	}
}

// TestRetryClientKeepsOrder verifies that messages keep their order over lost connections if the
// server is never busy.
func TestRetryClientKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faultyServer{random: rand.New(rand.NewPCG(1, 1)), keys: map[string]uint64{}}
		r := begin(t, s, RetryOptions{})
		var want []string
		for i := range 5000 {
			want = append(want, fmt.Sprint(i))
			if err := r.PublishAsync(t.Context(), sse.Message{Namespace: "/x", Data: []byte(want[i])}, func(uint64, error) {}); err != nil {
				t.Fatal(err)
			}
			if i%700 == 0 {
				r.mu.Lock()
				if r.client != nil {
					r.client.conn.Close()
				}
				r.mu.Unlock()
			}
		}
		if err := r.Flush(t.Context()); err != nil || !slices.Equal(s.published, want) {
			t.Errorf("%v; published: %d messages, in another order or not as often", err, len(s.published))
		}
		r.Close()
	})
}

// TestRetryClientDoesNotSendOnAClosedConnection verifies that a message waits for the next
// connection if it is submitted after a connection has ended, but before the client has noticed
// this.
func TestRetryClientDoesNotSendOnAClosedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faultyServer{random: rand.New(rand.NewPCG(1, 1))}
		r := begin(t, s, RetryOptions{})
		defer r.Close()
		if _, err := r.Publish(t.Context(), sse.Message{Namespace: "/x", Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
		q, err := encode(sse.Message{Namespace: "/x", Data: []byte("2")})
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		r.mu.Lock() // the client cannot notice the end while the lock is held
		r.client.end(errors.New("cut"))
		<-r.client.ended
		r.submit(q, func(_ uint64, err error) { answered <- err })
		r.mu.Unlock()
		if err := <-answered; err != nil || !slices.Equal(s.published, []string{"1", "2"}) {
			t.Errorf("%v; published: %q", err, s.published)
		}
	})
}

// sinkWithoutKeys is a server without a store.
type sinkWithoutKeys struct{ published []string }

func (s *sinkWithoutKeys) Publish(_, _, data []byte) (uint64, error) {
	s.published = append(s.published, string(data))
	return uint64(len(s.published)), nil
}

// TestRetryClientOfAServerWithoutAStore checks a client of a server that does not support keys. The
// first message detects this, and is published once. A message with its own key is refused.
func TestRetryClientOfAServerWithoutAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &sinkWithoutKeys{}
		r, err := startRetry(t.Context(), RetryOptions{}, follow(works(sink)))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for i := range 3 {
			if sequence, err := r.Publish(t.Context(), sse.Message{Namespace: "/x", Data: fmt.Append(nil, i)}); err != nil || sequence != uint64(i+1) {
				t.Errorf("message %d: %d, %v", i, sequence, err)
			}
			_, err := r.Publish(t.Context(), sse.Message{Namespace: "/x", Key: "own", Data: []byte("keyed")})
			var refused *ReplyError
			if !errors.As(err, &refused) || refused.Code != CodeSyntax || !strings.Contains(refused.Words, "KEY is not supported") {
				t.Errorf("with a key: %v", err)
			}
		}
		if want := []string{"0", "1", "2"}; !slices.Equal(sink.published, want) {
			t.Errorf("published %q", sink.published)
		}
	})
}

// TestRetryClientKeysAreUnique verifies that the keys of two clients differ from each other and
// from the keys of the messages.
func TestRetryClientKeysAreUnique(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faultyServer{random: rand.New(rand.NewPCG(1, 1)), keys: map[string]uint64{}}
		for range 2 {
			r := begin(t, s, RetryOptions{})
			for _, key := range []string{"", "own", ""} {
				if _, err := r.Publish(t.Context(), sse.Message{Namespace: "/x", Key: key}); err != nil {
					t.Error(err)
				}
			}
			r.Close()
		}
		if len(s.published) != 5 || len(s.keys) != 5 {
			t.Errorf("%d messages were published, with keys %v", len(s.published), s.keys)
		}
	})
}

// TestRetryClientClose verifies that Close makes waiting calls return, and answers each message
// without a reply once.
func TestRetryClientClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mute := func(conn net.Conn) {
			conn.Read(make([]byte, 100))
			io.WriteString(conn, "PONG\n")
			io.Copy(io.Discard, conn)
		}
		r, err := startRetry(t.Context(), RetryOptions{}, follow(mute))
		if err != nil {
			t.Fatal(err)
		}
		message := sse.Message{Namespace: "/x"}
		ctx, cancel := context.WithCancel(t.Context())
		var answers []error
		if err := r.PublishAsync(ctx, message, func(_ uint64, err error) { answers = append(answers, err) }); err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error, 5)
		publish := func(ctx context.Context) {
			waiting <- r.PublishAsync(ctx, message, func(uint64, error) { t.Error("then was called for a message that was not sent") })
		}
		go publish(ctx)
		go func() { waiting <- r.Flush(ctx) }()
		synctest.Wait()
		cancel()
		for range 2 {
			if err := <-waiting; err != context.Canceled {
				t.Errorf("PublishAsync returned %v", err)
			}
		}
		go publish(t.Context())
		go func() { waiting <- r.Flush(t.Context()) }()
		synctest.Wait()
		r.Close()
		for range 2 {
			if err := <-waiting; err != ErrClosed {
				t.Errorf("PublishAsync returned %v", err)
			}
		}
		<-r.Done()
		synctest.Wait()
		if _, err := r.Publish(t.Context(), message); err != ErrClosed || !slices.Equal(answers, []error{ErrClosed}) {
			t.Errorf("Publish after Close: %v; the message was answered %v", err, answers)
		}
		if r.Close() != nil || r.Flush(t.Context()) != ErrClosed {
			t.Error("a second Close or a Flush returns another error")
		}
	})
}

// TestRetryClientIsBounded verifies the limits on the messages that a client keeps.
func TestRetryClientIsBounded(t *testing.T) {
	for _, size := range []int{0, 100 << 10, 8 << 20} {
		synctest.Test(t, func(t *testing.T) {
			s := &faultyServer{random: rand.New(rand.NewPCG(1, 1))}
			answering := make(chan bool)
			mute := func(conn net.Conn) {
				io.ReadFull(conn, make([]byte, len("PING\n")))
				io.WriteString(conn, "PONG\n")
				lines := make([]byte, 4096)
				n, _ := conn.Read(lines)
				replies, _ := NewSession(&open).Feed(lines[:n], s, nil)
				conn.Write(replies)
				conn.Read(lines)
				fmt.Fprintln(conn, "OK 1")
				<-answering
			}
			r, err := startRetry(t.Context(), RetryOptions{}, follow(mute))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Publish(t.Context(), sse.Message{Namespace: "/x"}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			taken := 0
			go func() {
				for r.PublishAsync(ctx, sse.Message{Namespace: "/x", Data: make([]byte, size)}, func(uint64, error) {}) == nil {
					taken++
				}
			}()
			synctest.Wait()
			cancel()
			synctest.Wait()
			if taken > unansweredMax || taken > 1+unansweredBytesMax/max(size, 1) || taken < 1 {
				t.Errorf("%d messages of %d bytes were accepted", taken, size)
			}
			close(answering)
			r.Close()
		})
	}
}

func TestDialRetryFails(t *testing.T) {
	for _, tt := range []struct{ url, token, want string }{
		{"unix:///nowhere/s", "", "cannot connect to unix:///nowhere/s: no such file or directory"},
		{"localhost:8002", "", "tcp://host:port"},
		{"unix:///nowhere/s", "a\nb", "line break"},
		{serve(t, &guarded, &locked{}), "wrong", "auth: "},
	} {
		if _, err := DialRetry(t.Context(), tt.url, RetryOptions{Token: tt.token}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.url, err)
		}
	}
}

// TestRetryClientIsRefused verifies that an invalid message does not affect other messages.
func TestRetryClientIsRefused(t *testing.T) {
	r, err := DialRetry(t.Context(), serve(t, &small, &locked{}), RetryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, data := range []string{"123456789", "\xff", "good"} {
		_, err := r.Publish(t.Context(), sse.Message{Namespace: "/", Data: []byte(data)})
		var refused *ReplyError
		switch {
		case data == "good" && err == nil, data == "\xff" && errors.Is(err, sse.ErrUTF8):
		case len(data) > 8 && errors.As(err, &refused) && refused.Code == CodeTooLong:
		default:
			t.Errorf("%q: %v", data, err)
		}
	}
}
