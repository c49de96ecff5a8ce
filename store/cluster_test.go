package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
)

// TestStreamOnCluster verifies that daemons at three servers create one stream together. All of
// them derive the same epoch, even after the stream's leader was killed.
func TestStreamOnCluster(t *testing.T) {
	testtool.Long(t, "a cluster of NATS servers elects a leader several times")
	t.Parallel()
	c := natstest.StartCluster(t, 3)
	cfg := streamConfig{Stream: Stream{Name: "ssed", Replicas: 3, MaxAge: time.Hour}}
	js := make([]jetstream.JetStream, 3)
	epochs := make([]string, 3)
	var daemons sync.WaitGroup
	for i, s := range c.Servers {
		_, js[i] = s.Connect(t)
		daemons.Go(func() {
			stream, err := ensureStream(testContext(t), js[i], cfg)
			if err != nil {
				t.Errorf("daemon %d: %v", i, err)
				return
			}
			epochs[i] = epochOf(stream.CachedInfo(), 0)
		})
	}
	daemons.Wait()
	if epochs[0] == "" || epochs[1] != epochs[0] || epochs[2] != epochs[0] {
		t.Fatalf("the daemons derived different epochs: %q", epochs)
	}
	other := cfg
	other.Replicas = 1
	if _, err := ensureStream(testContext(t), js[0], other); !errors.Is(err, errStreamDiffers) || !strings.Contains(err.Error(), "replicas is 3 and should be 1") {
		t.Errorf("fewer replicas: %v", err)
	}
	killed := c.KillLeader(t, "ssed")
	c.Leader(t, "ssed")
	for i := range js {
		if i == killed {
			continue
		}
		testtool.WaitFor(t, "the stream with its new leader", func() bool {
			stream, err := ensureStream(testContext(t), js[i], cfg)
			if err != nil {
				t.Logf("daemon %d: %v", i, err)
				return false
			}
			if epoch := epochOf(stream.CachedInfo(), 0); epoch != epochs[0] {
				t.Fatalf("daemon %d derived the epoch %q, want %q", i, epoch, epochs[0])
			}
			return true
		})
	}
}

// TestStreamWithoutAnswer verifies that ensureStream repeats requests that a server does not
// answer, and that its error reports the missing answer when the time is up.
func TestStreamWithoutAnswer(t *testing.T) {
	testtool.Long(t, "the store is looked for several times")
	t.Parallel()
	s := natstest.Start(t)
	_, js := s.Connect(t)
	s.Freeze()
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := ensureStream(soon, js, streamConfig{Stream: Stream{Name: "ssed"}}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("a frozen server: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := ensureStream(testContext(t), js, streamConfig{Stream: Stream{Name: "ssed"}})
		done <- err
	}()
	select { // longer than one attempt takes
	case err := <-done:
		t.Fatalf("a frozen server: %v", err)
	case <-time.After(streamPatience + streamPatience/4):
	}
	s.Thaw()
	if err := <-done; err != nil {
		t.Errorf("a server that was frozen for a while: %v", err)
	}
}

// TestServeFailsIfTheStreamDiffers verifies that Serve returns an error with the differing
// settings, without a call of Shutdown.
func TestServeFailsIfTheStreamDiffers(t *testing.T) {
	server := natstest.Start(t)
	_, js := server.Connect(t)
	if _, err := ensureStream(testContext(t), js, streamConfig{Stream: Stream{Name: "ssed", MaxBytes: 1 << 20}}); err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Servers: Servers{URLs: []string{server.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ssed.StoreSink{}) }() // it fails before it delivers
	select {
	case err = <-ended:
	case <-time.After(testtool.Patience):
		t.Fatal("Serve did not return")
	}
	if !errors.Is(err, errStreamDiffers) || !strings.Contains(err.Error(), "bytes is 1048576 and should be 1073741824") {
		t.Errorf("Serve returned %v", err)
	}
	if err := r.Shutdown(testContext(t)); err != nil {
		t.Errorf("Shutdown after Serve has returned: %v", err)
	}
}
