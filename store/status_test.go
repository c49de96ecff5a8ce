package store

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
)

// serveStore runs a Store and a server that it delivers to, until the test ends.
func serveStore(t *testing.T, opts Options) *Store {
	t.Helper()
	opts.Logger = slog.New(slog.DiscardHandler)
	r, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}, Store: r, Logger: opts.Logger, Drain: -1})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- r.Serve(l.StoreSink()) }()
	go func() { ended <- l.Serve() }()
	t.Cleanup(func() {
		l.Shutdown(context.Background())
		r.Shutdown(context.Background())
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	<-l.Ready()
	return r
}

// TestPlaceInTheLog verifies that log lines name the folder of an embedded store, and the server of
// another one.
func TestPlaceInTheLog(t *testing.T) {
	for want, opts := range map[string]Options{
		`msg="store answering again" folder=/var/lib/ssed stream=ssed`: {Embedded: &Embedded{Dir: "/var/lib/ssed"}},
		`msg="store answering again" server=/var/lib/ssed stream=ssed`: {Servers: Servers{URLs: []string{"nats://localhost:4222"}}},
	} {
		log := &logBuffer{}
		opts.Logger = log.logger()
		s, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		s.status.Server, s.status.Stream, s.status.Trouble = "/var/lib/ssed", "ssed", "unavailable"
		s.clearTrouble()
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has %q, want %q", log, want)
		}
	}
}

// TestFailedWriteIsReportedAsTrouble verifies that a failed write is reported as trouble until the
// store was restarted.
func TestFailedWriteIsReportedAsTrouble(t *testing.T) {
	testtool.Long(t, "a disk fails for a second")
	dir := t.TempDir()
	r := serveStore(t, Options{Embedded: &Embedded{Dir: dir}})
	<-r.Live()
	if is := r.Status(); is.Trouble != "" || !is.Since.IsZero() || is.Server != dir || !is.Embedded || !is.Connected || !is.Reached || !is.Live {
		t.Errorf("before: %+v", is)
	}
	begin := time.Now()
	r.mu.Lock()
	r.embedded.server.Errorf("JetStream C" + writeFailed + " on stream")
	r.mu.Unlock()
	testtool.WaitFor(t, "the failed write to be reported as trouble", func() bool { is := r.Status(); return is.Trouble == errStoreFailed.Error() && !is.Reached })
	if since := r.Status().Since; since.Before(begin) || time.Since(since) < 0 {
		t.Errorf("the trouble began at %v, expected after %v", since, begin)
	}
	testtool.WaitFor(t, "the trouble to end", func() bool { is := r.Status(); return is.Trouble == "" && is.Since.IsZero() && is.Reached })
}

// TestStatusDoesNotWait verifies that Status returns promptly while a server accepts connections
// but sends nothing.
func TestStatusDoesNotWait(t *testing.T) {
	testtool.Long(t, "the store does not answer for seconds")
	t.Parallel()
	nats := natstest.Start(t)
	nats.Freeze()
	r := serveStore(t, Options{Servers: Servers{URLs: []string{nats.URL}}})
	var longest time.Duration
	testtool.WaitFor(t, "the status to name the server", func() bool {
		begin := time.Now()
		is := r.Status()
		longest = max(longest, time.Since(begin))
		return strings.Contains(is.Trouble, "cannot connect to "+nats.URL+": ")
	})
	if longest > time.Second { // the NATS client waits for two
		t.Errorf("the status took %v", longest)
	}
	nats.Thaw()
	<-r.Live()
	if is := r.Status(); is.Trouble != "" || !is.Connected || !strings.HasSuffix(is.Server, nats.URL) {
		t.Errorf("afterwards: %+v", is)
	}
}
