package publish

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ssed/ssed/sse"
)

// A plan serves one connection.
type plan func(conn net.Conn)

// follow returns a connect function that uses one plan for each attempt, and the last plan for all
// further attempts.
func follow(plans ...plan) func(context.Context) (*Client, error) {
	return func(ctx context.Context) (*Client, error) {
		now := plans[0]
		if len(plans) > 1 {
			plans = plans[1:]
		}
		return hello(ctx, now)
	}
}

// works serves a connection until its end.
func works(sink Sink) plan { return breaks(sink, 1<<30) }

// breaks serves a connection until it has read a number of bytes. It does not send the reply to the
// last of them.
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

// says answers PING with the first line of words, and one message with the rest.
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

// wantBeginnings checks that each report begins with the beginning at the same index.
func wantBeginnings(t *testing.T, got, beginnings []string) {
	t.Helper()
	if len(got) != len(beginnings) {
		t.Fatalf("got %q, want %q", got, beginnings)
	}
	for i := range got {
		if !strings.HasPrefix(got[i], beginnings[i]) {
			t.Errorf("got %q, want %q", got[i], beginnings[i])
		}
	}
}

// TestRetryClientReports verifies the reports about lost connections and resent messages.
func TestRetryClientReports(t *testing.T) {
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
		{"the store was removed", []plan{breaks(store, oneKeyed), works(keyless)},
			[]string{"0 the server closed", "sent again 1, doubtful 1", "OK"}},
		{"busy, and then the store was removed", []plan{
			says("PONG\nOK\nERR busy it is not known whether it is stored"), works(keyless)},
			[]string{"0 busy: it is not known", "sent again 1, doubtful 1", "OK"}},
		{"ending, without a store", []plan{works(ending{}), works(ending{}), works(keyless)},
			[]string{"0 busy: it ends", "1 busy: it ends", "sent again 1, doubtful 0", "OK"}},
		{"cut, and then ending, without a store", []plan{breaks(keyless, oneKeyed+1), works(ending{}), works(keyless)},
			[]string{"0 the server closed", "1 busy: it ends", "sent again 1, doubtful 1", "OK"}},
		{"full at first", []plan{says("ERR busy too many"), says("ERR busy too many"), works(store)},
			[]string{"1 busy: too many", "2 busy: too many", "sent again 0, doubtful 0", "OK"}},
		{"refused permanently", []plan{breaks(store, oneKeyed), says("ERR auth who are you"), works(store)},
			[]string{"0 the server closed", "cannot publish to tcp://x: auth: who are you", "closed"}},
		{"another server", []plan{breaks(store, oneKeyed), says("HTTP/1.1 400 Bad Request"), works(store)},
			[]string{"0 the server closed", "1 invalid reply \"HTTP/1.1 400 Bad Request\"", "sent again 1, doubtful 0", "OK"}},
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
				wantBeginnings(t, got, tt.want)
			})
		})
	}
}

// ending is a server without a store that is about to stop.
type ending struct{}

func (ending) Publish(_, _, _ []byte) (uint64, error) {
	return 0, fmt.Errorf("%w: it ends", ErrBusy)
}
