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
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/sse"
)

// A faultyServer takes messages, and does what may go wrong: it is not there, is full,
// breaks connections before and after it took what came, and is busy. Where it keeps
// keys it is a server with a store, whose answer may get lost behind the message.
type faultyServer struct {
	random *rand.Rand
	faults int // how many of a hundred chances end badly

	mu        sync.Mutex
	published []string
	keys      map[string]uint64 // nil: it keeps none
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

// A keyedServer is one that keeps keys.
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

// connect is for startRetry.
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

// hello makes a client's connection to a server, as connect does.
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

// begin starts a RetryClient, whose first connection succeeds.
func begin(t *testing.T, s *faultyServer, opts RetryOptions) *RetryClient {
	t.Helper()
	for {
		if r, err := startRetry(t.Context(), opts, s.connect); err == nil {
			return r
		}
	}
}

// TestRetryClientLosesNothing plays histories of faults. Each message is published, is
// answered once, and has no twin on a server that keeps keys. On one that does not,
// there are no more twins than Resent has counted.
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

func playFaults(t *testing.T, seed uint64, keys bool) (lost, again, twins int) {
	const total = 3000
	s := &faultyServer{random: rand.New(rand.NewPCG(seed, 5)), faults: 3}
	if keys {
		s.keys = map[string]uint64{}
	}
	doubtful, answered := 0, make([]int, total)
	calls := 0 // no lock: the functions are called one after the other
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
		if i%500 == 0 { // a pause, in which connections end that nothing is in flight on
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
		t.Errorf("seed %d: %d messages came behind later ones, and %d were refused as busy", seed, behind, s.busy)
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

// TestRetryClientKeepsOrder where the server is never busy.
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

// TestRetryClientSendsNothingToTheDead: a message that comes between the end of a
// connection and the client's noticing it waits for the next connection.
func TestRetryClientSendsNothingToTheDead(t *testing.T) {
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
		r.mu.Lock() // it notices nothing for as long
		r.client.end(errors.New("cut"))
		<-r.client.ended
		r.submit(q, func(_ uint64, err error) { answered <- err })
		r.mu.Unlock()
		if err := <-answered; err != nil || !slices.Equal(s.published, []string{"1", "2"}) {
			t.Errorf("%v; published: %q", err, s.published)
		}
	})
}

// A plan is what a server does with one connection.
type plan func(conn net.Conn)

// follow makes a connect function: one plan for each attempt, the last for all others.
func follow(plans ...plan) func(context.Context) (*Client, error) {
	return func(ctx context.Context) (*Client, error) {
		now := plans[0]
		if len(plans) > 1 {
			plans = plans[1:]
		}
		return hello(ctx, now)
	}
}

// works serves until the end; breaks serves until so many bytes were read, and says
// nothing to the last of them.
func works(sink Sink) plan { return breaks(sink, 1<<30) }

func breaks(sink Sink, after int) plan {
	return func(conn net.Conn) {
		session, in := NewSession(&open), make([]byte, 4096)
		for {
			n, err := conn.Read(in)
			replies, _ := session.Feed(in[:n], sink, nil)
			if after -= n; after <= 0 || err != nil {
				return
			}
			conn.Write(replies)
		}
	}
}

// says answers PING, and then one message, with these words.
func says(words string) plan {
	return func(conn net.Conn) {
		first, rest, _ := strings.Cut(words, "\n")
		conn.Read(make([]byte, 4096))
		io.WriteString(conn, first+"\n")
		if rest != "" {
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, rest+"\n")
		}
	}
}

// TestRetryClientTells what went wrong, and what may be there twice.
func TestRetryClientTells(t *testing.T) {
	keyless := &sinkWithoutKeys{}
	store := &recorder{}
	oneMessage := len("PING\n") + len("PUB /x - 1\n")
	oneKeyed := oneMessage + len("KEY 1234567890123456-1\n")
	away := func(n int) (plans []plan) {
		for range n {
			plans = append(plans, func(net.Conn) {})
		}
		return plans
	}
	for _, tt := range []struct {
		name  string
		plans []plan
		want  []string
	}{
		{"cut without a store", []plan{breaks(keyless, oneKeyed+1), works(keyless)},
			[]string{"0 the server closed the connection", "sent again 1, doubtful 1", "OK"}},
		{"cut with a store", []plan{breaks(store, oneKeyed), works(store)},
			[]string{"0 the server closed the connection", "sent again 1, doubtful 0", "OK"}},
		{"a message that ends each connection", []plan{breaks(store, oneKeyed), breaks(store, oneKeyed), breaks(store, oneKeyed), works(store)},
			[]string{"0 the server", "1 the server", "2 the server", "sent again 1, doubtful 0", "OK"}},
		{"for longer than keys are remembered", append(append([]plan{breaks(store, oneKeyed)}, away(12)...), works(store)),
			[]string{"0 the server", "1 the server", "2 the server", "3 the", "4 the", "5 the", "6 the", "7 the", "8 the", "9 the", "10 the", "11 the", "12 the", "sent again 1, doubtful 1", "OK"}},
		{"the store is gone", []plan{breaks(store, oneKeyed), works(keyless)},
			[]string{"0 the server closed", "sent again 1, doubtful 1", "OK"}},
		{"busy, and then the store is gone", []plan{
			says("PONG\nOK\nERR busy it is not known whether it is stored"), works(keyless)},
			[]string{"0 busy: it is not known", "sent again 1, doubtful 1", "OK"}},
		{"ending, without a store", []plan{works(ending{}), works(ending{}), works(keyless)},
			[]string{"0 busy: it ends", "1 busy: it ends", "sent again 1, doubtful 0", "OK"}},
		{"cut, and then ending, without a store", []plan{breaks(keyless, oneKeyed+1), works(ending{}), works(keyless)},
			[]string{"0 the server closed", "1 busy: it ends", "sent again 1, doubtful 1", "OK"}},
		{"full at first", []plan{says("ERR busy too many"), says("ERR busy too many"), works(store)},
			[]string{"1 busy: too many", "2 busy: too many", "sent again 0, doubtful 0", "OK"}},
		{"refused for good", []plan{breaks(store, oneKeyed), says("ERR auth who are you"), works(store)},
			[]string{"0 the server closed", "cannot publish to tcp://x: auth: who are you", "closed"}},
		{"another server", []plan{breaks(store, oneKeyed), says("HTTP/1.1 400 Bad Request"), works(store)},
			[]string{"0 the server closed", "1 \"HTTP/1.1 400 Bad Request\" is not a reply", "sent again 1, doubtful 0", "OK"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				tell := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
				r, err := startRetry(t.Context(), RetryOptions{
					Lost:   func(l Loss) { tell("%d %v", l.Failures, l.Err) },
					Resent: func(r Resent) { tell("sent again %d, doubtful %d", r.Messages, r.Doubtful) },
				}, follow(tt.plans...))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Publish(t.Context(), sse.Message{Namespace: "/x", Data: []byte("1")}); err != nil {
					tell("%v", err)
				} else {
					tell("OK")
				}
				select {
				case <-r.Done():
					tell("closed")
				default:
					r.Close()
				}
				if len(got) != len(tt.want) {
					t.Fatalf("got %q, want %q", got, tt.want)
				}
				for i := range got {
					if !strings.HasPrefix(got[i], tt.want[i]) {
						t.Errorf("got %q, want %q", got[i], tt.want[i])
					}
				}
			})
		})
	}
}

// ending is a server without a store that is about to end.
type ending struct{}

func (ending) Publish(_, _, _ []byte) (uint64, error) {
	return 0, fmt.Errorf("%w: it ends", ErrBusy)
}

// sinkWithoutKeys is a server without a store.
type sinkWithoutKeys struct{ published []string }

func (s *sinkWithoutKeys) Publish(_, _, data []byte) (uint64, error) {
	s.published = append(s.published, string(data))
	return uint64(len(s.published)), nil
}

// TestRetryClientOfAServerWithoutAStore: the first message finds out that there are no
// keys, and is published once. A message with a key of its own is refused for it.
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
			if !errors.As(err, &refused) || refused.Code != CodeSyntax || !strings.Contains(refused.Words, "keeps no keys") {
				t.Errorf("with a key: %v", err)
			}
		}
		if want := []string{"0", "1", "2"}; !slices.Equal(sink.published, want) {
			t.Errorf("published %q", sink.published)
		}
	})
}

// TestRetryClientKeysAreItsOwn: messages of two clients, or with a key of their own, are
// not taken for each other.
func TestRetryClientKeysAreItsOwn(t *testing.T) {
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

// TestRetryClientEnds: who waits when the client is closed is told, and so is each
// message without a reply, once.
func TestRetryClientEnds(t *testing.T) {
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
			waiting <- r.PublishAsync(ctx, message, func(uint64, error) { t.Error("it was not sent") })
		}
		go publish(ctx)
		go func() { waiting <- r.Flush(ctx) }()
		synctest.Wait()
		cancel()
		for range 2 {
			if err := <-waiting; err != context.Canceled {
				t.Errorf("it waited until %v", err)
			}
		}
		go publish(t.Context())
		go func() { waiting <- r.Flush(t.Context()) }()
		synctest.Wait()
		r.Close()
		for range 2 {
			if err := <-waiting; err != ErrClosed {
				t.Errorf("it waited until %v", err)
			}
		}
		<-r.Done()
		synctest.Wait()
		if _, err := r.Publish(t.Context(), message); err != ErrClosed || !slices.Equal(answers, []error{ErrClosed}) {
			t.Errorf("after the end: %v; the message was answered %v", err, answers)
		}
		if r.Close() != nil || r.Flush(t.Context()) != ErrClosed {
			t.Error("a second end is different")
		}
	})
}

// TestRetryClientIsBounded: no more is kept than may be, however fast the caller is.
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
				t.Errorf("%d messages of %d bytes were taken", taken, size)
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

// TestRetryClientIsRefused: a message that is wrong costs that message.
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
