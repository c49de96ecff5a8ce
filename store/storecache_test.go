package store

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
)

// TestFullCacheDelaysOKs verifies that messages are stored while the cache is full, but that their
// OKs wait. Each tick that drops old messages from the cache releases more OKs.
func TestFullCacheDelaysOKs(t *testing.T) {
	const messages, fit = 100, 10
	f := &fakeStream{keys: map[string]int{}}
	s := newSender(time.Minute, func([]byte) string { return "ssed" }, func(uint64) {})
	s.conn = f
	var order []int
	for i := range messages {
		s.submit(ssed.PublishRequest{}, &verdict{n: i, order: &order})
	}
	s.cache.bytesMax = fit * s.queue[0].recordBytes()
	s.send()
	for len(f.onWay) > 0 {
		f.work()
	}
	for _, answer := range f.answers {
		s.onAck(answer)
	}
	if len(f.stored) != messages || len(order) != fit {
		t.Fatalf("%d of %d are stored, %d answered; the cache has room for %d", len(f.stored), messages, len(order), fit)
	}
	for tick := 1; tick <= messages/fit*cacheTicks; tick++ {
		s.sweep(time.Now())
		if want := min(messages, fit*(1+tick/cacheTicks)); len(order) != want {
			t.Fatalf("after %d ticks %d messages are answered, want %d", tick, len(order), want)
		}
	}
	if s.bytes != 0 || s.cache.bytes != 0 {
		t.Errorf("%d bytes are in the queue and %d in the cache at the end", s.bytes, s.cache.bytes)
	}
}

// TestCloseWithFullCache verifies that close answers the messages that wait for room in the cache.
// They are stored, so they get their sequences.
func TestCloseWithFullCache(t *testing.T) {
	f := &fakeStream{keys: map[string]int{}}
	s := newSender(time.Minute, func([]byte) string { return "ssed" }, func(uint64) {})
	s.conn = f
	s.cache.bytesMax = 1
	var order []int
	verdicts := [3]verdict{{n: 0, order: &order}, {n: 1, order: &order}, {n: 2, order: &order}}
	for i := range verdicts {
		s.submit(ssed.PublishRequest{}, &verdicts[i])
	}
	s.send()
	for len(f.onWay) > 0 {
		f.work()
	}
	for _, answer := range f.answers {
		s.onAck(answer)
	}
	if len(order) != 1 {
		t.Fatalf("%d messages are answered before close, want 1", len(order))
	}
	s.close()
	for i, v := range verdicts {
		if v.seq != uint64(i+1) || v.err != nil {
			t.Errorf("message %d was answered %d, %v", i, v.seq, v.err)
		}
	}
}

// TestCacheExpiresEarly stores and reads some blocks. It verifies that their memory is released
// before the library's own expiry of 10 s.
func TestCacheExpiresEarly(t *testing.T) {
	testtool.Long(t, "a cache empties after a second")
	const blocks, data = 5, 64 << 10
	e, js := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}})
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ssed", Subjects: []string{"ssed.>"}, MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if err := shortenCache(e.server, "ssed"); err != nil {
		t.Fatal(err)
	}
	before := liveBytes()
	consumer, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{}, blocks*blockBytes/data+1)
	consuming, err := consumer.Consume(func(jetstream.Msg) { read <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	for range blocks * blockBytes / data {
		if _, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: "ssed.a", Data: bytes.Repeat([]byte("x"), data)}); err != nil {
			t.Fatal(err)
		}
		<-read
	}
	consuming.Stop()
	if held := liveBytes() - before; held < 2*blockBytes {
		t.Fatalf("only %d MiB are held at the same time: this test cannot observe the cache", held>>20)
	}
	end := time.Now()
	testtool.WaitFor(t, "the cache to expire", func() bool { return liveBytes()-before < 2*blockBytes })
	if took := time.Since(end); took > 8*time.Second {
		t.Errorf("the cache expired after %v; its own default is 10s", took)
	}
}

// liveBytes returns the size of the heap without garbage. It collects three times, because pools
// keep their objects for two collections.
func liveBytes() int {
	for range 3 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestShortenCacheOfNoStream verifies that a missing stream is an error, not a panic.
func TestShortenCacheOfNoStream(t *testing.T) {
	e, _ := startStore(t, embeddedOptions{Embedded: Embedded{Dir: t.TempDir()}})
	if err := shortenCache(e.server, "none"); err == nil {
		t.Error("a stream that does not exist has a cache")
	}
}

// TestStoreCacheBytes verifies that CacheBytesMax bounds the sender's cache, and that a negative
// value is refused.
func TestStoreCacheBytes(t *testing.T) {
	for _, tt := range []struct{ option, want int }{{0, DefaultCacheBytes - 16<<20}, {64 << 20, 48 << 20}, {10 << 20, 5 << 20}} {
		r, err := New(Options{Embedded: &Embedded{Dir: t.TempDir(), CacheBytesMax: tt.option}})
		if err != nil {
			t.Fatal(err)
		}
		if r.sender.cache.bytesMax != tt.want {
			t.Errorf("CacheBytesMax %d bounds the cache to %d", tt.option, r.sender.cache.bytesMax)
		}
	}
	_, err := New(Options{Embedded: &Embedded{Dir: t.TempDir(), CacheBytesMax: -1}})
	if want := "store: Embedded.CacheBytesMax=-1: "; err == nil || !bytes.HasPrefix([]byte(err.Error()), []byte(want)) {
		t.Error(errors.Join(fmt.Errorf("want %s", want), err))
	}
}
