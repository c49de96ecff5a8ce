package loop_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish/evioserver"
)

// TestUnreadRepliesLoseNothing verifies on both loops that a publisher that never reads its replies
// is closed after a time. Until then other publishers get replies. All messages that it got OK for
// must be delivered in order.
func TestUnreadRepliesLoseNothing(t *testing.T) {
	testtool.Long(t, "a publisher reads nothing for a second")
	const timeout = 500 * time.Millisecond
	t.Run("shared loop", func(t *testing.T) {
		s := serve(t, ssed.Options{ReplyTimeout: timeout})
		unreadRepliesLoseNothing(t, s, s.PublishAddrs()[0])
		until(t, s, "the closed publisher is counted", func(s ssed.Stats) bool { return s.PublishersClosed == 1 })
	})
	t.Run("own loop", func(t *testing.T) {
		s := serve(t, ssed.Options{})
		own := serveOwnWith(t, s, evioserver.Options{Listen: []string{anyPort}, ReplyTimeout: timeout})
		unreadRepliesLoseNothing(t, s, own.Addrs()[0])
	})
}

func unreadRepliesLoseNothing(t *testing.T, s *ssed.Server, publishers net.Addr) {
	_, stream := subscribe(t, s, "/subscribe/n")
	var received atomic.Int64
	read := make(chan error, 1)
	go func() { read <- countInOrder(stream, &received) }()

	silent := dial(t, publishers)
	silent.(*net.TCPConn).SetReadBuffer(4096)
	closed := make(chan error, 1)
	go func() { closed <- publishUntilClosed(silent) }()

	other := dial(t, publishers)
	replies := bufio.NewReader(other)
	for err, done := error(nil), false; !done; {
		fmt.Fprint(other, "PUB /other - x\n")
		if got := line(t, replies); !strings.HasPrefix(got, "OK ") {
			t.Fatalf("another publisher gets %q", got)
		}
		select {
		case err = <-closed:
			done = true
		case err = <-read:
			t.Fatal("the stream: ", err)
		default:
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a publisher that never reads stays connected")
		}
	}
	told := int64(0)
	for late := bufio.NewScanner(silent); late.Scan() && strings.HasPrefix(late.Text(), "OK "); {
		told++
	}
	if told == 0 {
		t.Error("the publisher got no OK")
	}
	for deadline := time.Now().Add(patience); received.Load() < told; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the publisher got OK for %d messages, but %d were delivered", told, received.Load())
		}
	}
	t.Logf("the publisher got %d OKs, and %d messages were delivered", told, received.Load())
}

// countInOrder reads messages that count from 0, up to the end of the stream.
func countInOrder(stream *bufio.Reader, received *atomic.Int64) error {
	for {
		frame := fmt.Sprintf("data:%d\n\n", received.Load())
		got, err := stream.Peek(len(frame))
		if err != nil || string(got) != frame {
			return fmt.Errorf("got %q, %v, want %q", got, err, frame)
		}
		stream.Discard(len(frame))
		received.Add(1)
	}
}

// publishUntilClosed publishes numbers until it fails, and returns the error.
func publishUntilClosed(conn net.Conn) error {
	for i := 0; ; {
		var lines bytes.Buffer
		for range 1000 {
			fmt.Fprintf(&lines, "PUB /n - %d\n", i)
			i++
		}
		if _, err := conn.Write(lines.Bytes()); err != nil {
			return err
		}
	}
}
