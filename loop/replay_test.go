package loop_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
)

// TestNoGapWithoutLoss replays messages to a slow reader while the history drops messages of
// another namespace of its set. The reader gets all of those live, so there must be no gap event.
func TestNoGapWithoutLoss(t *testing.T) {
	const missed, live = 300, 100
	s := serve(t, ssed.Options{SendBufferBytes: 8 << 10, History: []ssed.HistoryRule{{Prefix: "/a", Messages: missed}, {Prefix: "/b", Messages: 1}}})
	data := func(i int) string { return fmt.Sprint(i, " ", strings.Repeat("x", 10_000)) }
	for i := range missed {
		publishTo(t, s, "/a", data(i))
	}
	_, r := subscribe(t, s, fmt.Sprint("/subscribe?ns=/a&ns=/b&last=", missed))
	until(t, s, "the subscriber is blocked", func(s ssed.Stats) bool { return s.Blocked == 1 })
	for i := range live {
		publishTo(t, s, "/b", fmt.Sprint("b", i))
	}
	for i := range missed {
		expectData(t, r, data(i))
	}
	for i := range live {
		expectData(t, r, fmt.Sprint("b", i))
	}
}

// TestReplaysAreBounded verifies that the unsent rests of partly sent frames count towards the
// backlog of all loops together.
func TestReplaysAreBounded(t *testing.T) { eachLoops(t, 2, replaysAreBounded) }

func replaysAreBounded(t *testing.T, loops int) {
	const total, clients = 16 << 20, 60
	s := serve(t, ssed.Options{Loops: loops, BacklogTotalBytesMax: total, SendBufferBytes: 8 << 10, History: keepAll})
	publishAll(t, s, sse.Message{Namespace: "/n", Data: bytes.Repeat([]byte("x"), 1<<20)})
	for range clients {
		c := dial(t, s.ListenAddrs()[0])
		fmt.Fprint(c, "GET /subscribe/n?last=1 HTTP/1.1\r\nHost: x\r\n\r\n")
		readHead(t, bufio.NewReaderSize(c, 16)) // and nothing else
	}
	until(t, s, "all subscribers are blocked or disconnected, and few enough are left", func(s ssed.Stats) bool {
		return uint64(s.Blocked)+s.Ended["evicted"] == clients && s.Backlog <= total && s.Ended["evicted"] > 0
	})
}

// TestResumeAtEveryByte cuts a stream at every byte. A client that reconnects with the last
// complete id must have every message exactly once.
func TestResumeAtEveryByte(t *testing.T) {
	s := serve(t, ssed.Options{History: keepAll})
	_, r := subscribe(t, s, "/subscribe/n")
	want := []string{"first", "second line\nof two", "", "fourth"}
	publishTo(t, s, "/n", want...)
	var stream bytes.Buffer
	tee := bufio.NewReader(io.TeeReader(r, &stream))
	for range want {
		nextEvent(t, tee)
	}
	all := stream.String()
	for cut := range len(all) + 1 {
		var got []string
		id := ""
		for rest := all[:cut]; ; {
			frame, more, whole := strings.Cut(rest, "\n\n")
			if !whole {
				break
			}
			id = strings.TrimPrefix(frame[:strings.IndexByte(frame, '\n')], "id:")
			got = append(got, frame)
			rest = more
		}
		if id == "" {
			continue // the client has received no complete event
		}
		_, r := resumeFrom(t, s, "/subscribe/n", id)
		for range len(want) - len(got) {
			e := nextEvent(t, r)
			got = append(got, "id:"+e.id)
		}
		for i, frame := range got {
			if !strings.HasPrefix(frame, "id:") || !strings.HasSuffix(strings.SplitN(frame, "\n", 2)[0], fmt.Sprint("-", i+1)) {
				t.Fatalf("cut at %d: %q", cut, got)
			}
		}
	}
}
