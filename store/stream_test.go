package store

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// TestStreamIsCreated verifies the settings of a new stream, and that a second call finds the same
// stream and changes nothing.
func TestStreamIsCreated(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  streamConfig
		want jetstream.StreamConfig
	}{
		{"defaults", streamConfig{Stream: Stream{Name: "ssed"}},
			jetstream.StreamConfig{MaxBytes: -1, MaxMsgsPerSubject: -1, Duplicates: 2 * time.Minute}},
		{"with limits", streamConfig{Stream: Stream{Name: "events", MaxAge: time.Hour, MaxBytes: 1 << 20, PerNamespace: 10}, Duplicates: time.Minute},
			jetstream.StreamConfig{MaxAge: time.Hour, MaxBytes: 1 << 20, MaxMsgsPerSubject: 10, Duplicates: time.Minute}},
		{"with a short age", streamConfig{Stream: Stream{Name: "ssed", MaxAge: time.Second}},
			jetstream.StreamConfig{MaxAge: time.Second, MaxBytes: -1, MaxMsgsPerSubject: -1, Duplicates: time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := &logBuffer{}
			_, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}})
			tt.cfg.Log = log.logger()
			stream, err := ensureStream(testContext(t), js, tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			got := stream.CachedInfo().Config
			if got.MaxAge != tt.want.MaxAge || got.MaxBytes != tt.want.MaxBytes || got.MaxMsgsPerSubject != tt.want.MaxMsgsPerSubject || got.Duplicates != tt.want.Duplicates {
				t.Errorf("the limits are %+v, want %+v", got, tt.want)
			}
			if got.Retention != jetstream.LimitsPolicy || got.Storage != jetstream.FileStorage || got.Discard != jetstream.DiscardOld || !got.AllowDirect || got.Replicas != 1 {
				t.Errorf("the stream is %+v", got)
			}
			if strings.Join(got.Subjects, " ") != tt.cfg.Name+" "+tt.cfg.Name+".>" {
				t.Errorf("its subjects are %q", got.Subjects)
			}
			tt.cfg.Update = true
			again, err := ensureStream(testContext(t), js, tt.cfg)
			if err != nil || epochOf(again.CachedInfo(), 0) != epochOf(stream.CachedInfo(), 0) {
				t.Errorf("asked for again: %v", err)
			}
			if strings.Contains(log.String(), "changed") || !strings.Contains(log.String(), "stream created") {
				t.Errorf("logged %s", log)
			}
		})
	}
}

// TestStreamIsCreatedByMany verifies that daemons that start at the same time create one stream.
func TestStreamIsCreatedByMany(t *testing.T) {
	e, _ := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}})
	var epochs sync.Map
	var daemons sync.WaitGroup
	for range 8 {
		js := connectStore(t, e)
		daemons.Go(func() {
			stream, err := ensureStream(testContext(t), js, streamConfig{Stream: Stream{Name: "ssed", MaxAge: time.Hour}})
			if err != nil {
				t.Error(err)
				return
			}
			epochs.Store(epochOf(stream.CachedInfo(), 0), true)
		})
	}
	daemons.Wait()
	n := 0
	epochs.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("the daemons found %d streams, want 1", n)
	}
}

// theirs returns the configuration of a stream with the settings of ssed, and a description. Tests
// change some of its settings.
func theirs() jetstream.StreamConfig {
	return streamConfig{Stream: Stream{Name: "ssed"}}.onto(jetstream.StreamConfig{Name: "ssed", Description: "somebody's"})
}

// TestStreamDiffers verifies that a stream with other settings remains unchanged, and that the
// error has both values. With Update, the settings are changed and the messages are kept.
func TestStreamDiffers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*jetstream.StreamConfig)
		asked  streamConfig
		want   string
	}{
		{"age", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, streamConfig{}, "age is 1h0m0s and should be unlimited"},
		{"no age", func(*jetstream.StreamConfig) {}, streamConfig{Stream: Stream{MaxAge: 90 * time.Minute}}, "age is unlimited and should be 1h30m0s"},
		{"bytes", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }, streamConfig{Stream: Stream{MaxBytes: 2 << 20}}, "bytes is 1048576 and should be 2097152"},
		{"per namespace", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 5 }, streamConfig{Stream: Stream{PerNamespace: 7}}, "per-namespace is 5 and should be 7"},
		{"messages", func(c *jetstream.StreamConfig) { c.MaxMsgs = 1000 }, streamConfig{}, "messages is 1000 and should be unlimited"},
		{"duplicates", func(c *jetstream.StreamConfig) { c.Duplicates = time.Second }, streamConfig{}, "duplicate window is 1s and should be 2m0s"},
		{"discard", func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardNew }, streamConfig{}, "discard is new and should be old"},
		{"discard per subject", func(c *jetstream.StreamConfig) {
			c.Discard, c.DiscardNewPerSubject, c.MaxMsgsPerSubject = jetstream.DiscardNew, true, 9
		}, streamConfig{Stream: Stream{PerNamespace: 9}}, "discard is new, per subject and should be old"},
		{"direct reads", func(c *jetstream.StreamConfig) { c.AllowDirect = false }, streamConfig{}, "direct reads is off and should be on"},
		{"acknowledgements", func(c *jetstream.StreamConfig) { c.NoAck = true }, streamConfig{}, "acknowledgements is off and should be on"},
		{"fewer subjects", func(c *jetstream.StreamConfig) { c.Subjects = []string{"ssed.>"} }, streamConfig{}, `subjects is ["ssed.>"] and should be ["ssed" "ssed.>"]`},
		{"several", func(c *jetstream.StreamConfig) { c.MaxAge, c.MaxBytes = time.Hour, 1<<20 }, streamConfig{}, "age is 1h0m0s and should be unlimited, bytes is 1048576 and should be unlimited; change the flags to match"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, log := testContext(t), &logBuffer{}
			_, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}})
			c := theirs()
			tt.change(&c)
			made, err := js.CreateStream(ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			tt.asked.Name, tt.asked.Log = "ssed", log.logger()
			_, err = ensureStream(ctx, js, tt.asked)
			if !errors.Is(err, errStreamDiffers) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "--nats-stream-update") {
				t.Errorf("refused with %v, want %q", err, tt.want)
			}
			if info, err := made.Info(ctx); err != nil || len(differences(made.CachedInfo().Config, info.Config)) > 0 || log.String() != "" {
				t.Errorf("the stream became %+v, %v; logged %q", info, err, log)
			}
			if !c.NoAck {
				if _, err := js.Publish(ctx, "ssed.a", nil); err != nil {
					t.Fatal(err)
				}
			}
			tt.asked.Update = true
			stream, err := ensureStream(ctx, js, tt.asked)
			if err != nil {
				t.Fatal(err)
			}
			info, err := stream.Info(ctx)
			if err != nil || len(differences(info.Config, tt.asked.onto(theirs()))) > 0 || info.Config.Description != "somebody's" {
				t.Errorf("changed to %+v, %v", info.Config, err)
			}
			if !c.NoAck && info.State.Msgs != 1 {
				t.Errorf("the stream has %d messages, want 1", info.State.Msgs)
			}
			if !strings.Contains(log.String(), "stream settings changed") {
				t.Errorf("logged %q", log)
			}
		})
	}
}

// TestStreamUnfit verifies that a stream is refused, even with Update, if no update can make it
// usable.
func TestStreamUnfit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*jetstream.StreamConfig)
		want   string
	}{
		{"work queue", func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }, "its retention is workqueue"},
		{"interest", func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }, "its retention is interest"},
		{"memory", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, "its storage is memory; expected file, and an update cannot change that"},
		{"sealed", func(c *jetstream.StreamConfig) { c.Sealed = true }, "it is sealed"},
		{"other subjects", func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "orders.*") }, `its subject "orders.*" has no namespace`},
		{"alike subjects", func(c *jetstream.StreamConfig) { c.Subjects = []string{"ssedx.>"} }, `its subject "ssedx.>" has no namespace`},
		{"mirror", func(c *jetstream.StreamConfig) {
			c.Subjects, c.Mirror = nil, &jetstream.StreamSource{Name: "origin"}
			c.Duplicates = 0
		}, `it mirrors the stream "origin"`},
		{"sources", func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "origin"}} }, `it copies messages from other streams, the first is "origin"`},
		{"transform", func(c *jetstream.StreamConfig) {
			c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "ssed.>", Destination: "else.>"}
		}, `"ssed.>" becomes "else.>"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := testContext(t)
			_, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}})
			c := theirs()
			tt.change(&c)
			if c.Sealed { // a stream cannot be created sealed
				c.Sealed = false
				if _, err := js.CreateStream(ctx, c); err != nil {
					t.Fatal(err)
				}
				c.Sealed = true
				if _, err := js.UpdateStream(ctx, c); err != nil {
					t.Fatal(err)
				}
			} else if _, err := js.CreateStream(ctx, c); err != nil {
				t.Fatal(err)
			}
			_, err := ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed", Update: true}})
			if !errors.Is(err, errStreamUnfit) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "choose another name") {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestStreamWithOverlappingSubjects verifies the error if another stream has some of the subjects.
func TestStreamWithOverlappingSubjects(t *testing.T) {
	ctx := testContext(t)
	_, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}})
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "orders", Subjects: []string{"ssed.orders.>"}}); err != nil {
		t.Fatal(err)
	}
	_, err := ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed"}})
	if !errors.Is(err, errStreamUnfit) || !strings.Contains(err.Error(), `the stream "orders" already has subjects of`) {
		t.Error(err)
	}
	if _, err := ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "else", Replicas: 3}}); err == nil || !strings.Contains(err.Error(), "replicas") {
		t.Errorf("three replicas on one server: %v", err)
	}
}

// TestStreamName verifies which names of streams are accepted.
func TestStreamName(t *testing.T) {
	for _, good := range []string{"ssed", "a", "Events-1", "ereignisse_ü", strings.Repeat("a", streamNameBytesMax)} {
		if err := checkStreamName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	_, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}})
	for _, bad := range []string{"", "a.b", "a*", "a>", "a b", "a\tb", "a/b", `a\b`, "$JS", "_INBOX", "\xff", "\ufffd", "a\u00a0", strings.Repeat("a", streamNameBytesMax+1)} {
		if _, err := ensureStream(testContext(t), js, streamConfig{Stream: Stream{Name: bad}}); err == nil || !strings.HasPrefix(err.Error(), "stream name") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestEpoch verifies that the epoch is the same after a restart and after an update, and different
// after the stream was deleted and created again.
func TestEpoch(t *testing.T) {
	ctx, dir := testContext(t), t.TempDir()
	first, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}})
	stream, err := ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed"}})
	if err != nil {
		t.Fatal(err)
	}
	epoch := epochOf(stream.CachedInfo(), 0)
	if len(epoch) == 0 || len(epoch) > 8 {
		t.Errorf("the epoch is %q", epoch)
	}
	first.shutdown()
	_, js = startStore(t, embeddedOptions{Embedded: Embedded{Dir: dir}})
	if stream, err = ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed"}}); err != nil {
		t.Fatal(err)
	}
	if again := epochOf(stream.CachedInfo(), 0); again != epoch {
		t.Errorf("after a restart %q became %q", epoch, again)
	}
	if stream, err = ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed", MaxAge: time.Hour, Update: true}}); err != nil {
		t.Fatal(err)
	}
	if again := epochOf(stream.CachedInfo(), 0); again != epoch {
		t.Errorf("after an update %q became %q", epoch, again)
	}
	if err := js.DeleteStream(ctx, "ssed"); err != nil {
		t.Fatal(err)
	}
	if stream, err = ensureStream(ctx, js, streamConfig{Stream: Stream{Name: "ssed"}}); err != nil {
		t.Fatal(err)
	}
	if again := epochOf(stream.CachedInfo(), 0); again == epoch {
		t.Errorf("another stream has the same epoch %q", again)
	}
}
