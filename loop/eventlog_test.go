package loop_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish/evioserver"
)

// TestCrowdsOfPublishersDoNotFillTheLog checks the log lines for many publishers that never read
// their replies, and for many that are refused because all places are taken. The first few of each
// second have separate lines. The others are counted, and none is missed.
func TestCrowdsOfPublishersDoNotFillTheLog(t *testing.T) {
	testtool.Long(t, "it waits for the time-outs of hundreds of publishers")
	t.Parallel()
	const timeout, deaf, away = 500 * time.Millisecond, 40, 200
	for _, kind := range []string{"shared loop", "own loop"} {
		t.Run(kind, func(t *testing.T) {
			var log logbook
			// At the debug level every publisher would have a line.
			logger := slog.New(slog.NewTextHandler(&log, nil))
			s := serve(t, ssed.Options{ReplyTimeout: timeout, PublishersMax: deaf, Logger: logger})
			publishers := s.PublishAddrs()[0]
			closed := func() uint64 {
				return until(t, s, "an answer", func(ssed.Stats) bool { return true }).PublishersClosed
			}
			if kind == "own loop" {
				own := serveOwnWith(t, s, evioserver.Options{
					Listen: []string{anyPort}, ReplyTimeout: timeout, PublishersMax: deaf, Logger: logger,
				})
				publishers = own.Addrs()[0]
				closed = func() uint64 { _, _, n := own.Counts(); return n }
			}
			var crowd []net.Conn
			for range deaf {
				conn := dial(t, publishers)
				io.WriteString(conn, "PING\n")
				if got := line(t, bufio.NewReader(conn)); got != "PONG" {
					t.Fatalf("the publisher gets %q", got)
				}
				crowd = append(crowd, conn)
			}
			for range away {
				dial(t, publishers).Close()
			}
			wantTold(t, &log, away, 5, regexp.MustCompile(`time=\S+ level=WARN msg="(?:connections|publishers) turned away" (?:connections|publishers)=(\d+) reason="publisher limit reached .*`))

			for _, conn := range crowd {
				// The write ends when the server closes the connection.
				go conn.Write(bytes.Repeat([]byte("PING\n"), 8<<20/len("PING\n")))
			}
			// One second of the log can overlap two seconds of the throttle, each with 10 lines and
			// a count.
			wantTold(t, &log, deaf, 2*(10+1), regexp.MustCompile(`time=\S+ level=WARN msg="(?:more publishers|publisher) closed for unread replies(?:.*publishers=(\d+))?.*`))
			if n := closed(); n != deaf {
				t.Errorf("%d are counted as closed, want %d", n, deaf)
			}
		})
	}
}

// wantTold waits until the matching lines account for want publishers. A line without a number
// counts as one publisher. It fails if any second of the log's clock has more than perSecond of
// these lines. A busy machine spreads the crowd over many seconds, and each second may have its own
// lines.
func wantTold(t *testing.T, log *logbook, want, perSecond int, form *regexp.Regexp) {
	t.Helper()
	told, lines := 0, [][]string(nil)
	// The crowd fills its sockets first. This takes a busy machine a long time under -race.
	for deadline := time.Now().Add(3 * patience); told < want; time.Sleep(10 * time.Millisecond) {
		told, lines = 0, form.FindAllStringSubmatch(log.String(), -1)
		for _, found := range lines {
			n, err := strconv.Atoi(found[1])
			if err != nil {
				n = 1
			}
			told += n
		}
		if time.Now().After(deadline) {
			break
		}
	}
	if told != want {
		t.Errorf("%d lines account for %d publishers, want %d:\n%s", len(lines), told, want, strings.TrimSpace(log.String()))
	}
	seconds := map[string]int{}
	for _, found := range lines {
		seconds[found[0][:len("time=2006-01-02T15:04:05")]]++
	}
	for second, n := range seconds {
		if n > perSecond {
			t.Errorf("%s: %d lines in one second, want %d at most:\n%s", second, n, perSecond, strings.TrimSpace(log.String()))
		}
	}
}
