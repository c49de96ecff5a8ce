package store

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
)

// A modelStream is the expected content of a stream, as a plain list.
type modelStream struct {
	namespaces []string // of the messages, from sequence 1 on
	data       []string
	at         []time.Time
	gone       map[uint64]bool
}

func inSet(set []string, ns string) bool {
	return slices.ContainsFunc(set, func(s string) bool { return s == "/" || ns == s || strings.HasPrefix(ns, s+"/") })
}

// kept returns the sequences of a set's messages in (after, until].
func (m *modelStream) kept(set []string, after, until uint64) (seqs []uint64) {
	for seq := after + 1; seq <= until; seq++ {
		if !m.gone[seq] && inSet(set, m.namespaces[seq-1]) {
			seqs = append(seqs, seq)
		}
	}
	return seqs
}

// gaps reports whether any message in (after, until] is deleted, in any namespace.
func (m *modelStream) gaps(after, until uint64) bool {
	for seq := after + 1; seq <= until; seq++ {
		if m.gone[seq] {
			return true
		}
	}
	return false
}

// startEmbeddedStore runs an embedded Store, with a server that has no clients.
func startEmbeddedStore(t *testing.T, stream Stream) *Store {
	t.Helper()
	r, err := New(Options{Embedded: &Embedded{Dir: t.TempDir()}, Stream: stream, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server, err := ssed.New(ssed.Options{Store: r, MailboxBytesMax: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- r.Serve(server.StoreSink()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); !r.Status().Reached; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the stream is not available: %+v", r.Status())
		}
	}
	return r
}

type answerOnce chan error

func (a answerOnce) Ack(_ uint64, err error) { a <- err }

func (m *modelStream) publish(t *testing.T, r *Store, ns, data string) {
	t.Helper()
	answer := make(answerOnce, 1)
	m.at = append(m.at, time.Now())
	r.Submit(ssed.PublishRequest{Namespace: []byte(ns), Data: []byte(data)}, answer)
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	m.namespaces, m.data = append(m.namespaces, ns), append(m.data, data)
}

// readAll reads all parts of a query, as the loop does. after and lost describe the first part.
func readAll(t *testing.T, r *Store, q ssed.Query) (after uint64, seqs []uint64, lost uint64) {
	t.Helper()
	for first := true; ; first = false {
		part, err := r.Read(testContext(t), q)
		if err != nil {
			t.Fatal(err)
		}
		if first {
			after, lost = part.After, part.Lost
		}
		begin := 0
		for _, end := range part.Ends {
			seqs = append(seqs, end.Seq)
			frame := string(part.Frames[begin:end.Offset])
			if !strings.HasPrefix(frame, fmt.Sprintf("id:%s-%d\ndata:%d ", r.Status().Epoch, end.Seq, end.Seq)) || !strings.HasSuffix(frame, "\n\n") {
				t.Fatalf("the frame of %d is %.60q", end.Seq, frame)
			}
			begin = end.Offset
		}
		if begin != len(part.Frames) {
			t.Fatalf("%d bytes of frames, the last ends at %d", len(part.Frames), begin)
		}
		if part.Last {
			return after, seqs, lost
		}
		if len(part.Ends) == 0 {
			t.Fatal("an empty part is not the last one")
		}
		q.After, q.Last, q.Since = part.Ends[len(part.Ends)-1].Seq, 0, time.Time{}
	}
}

// TestStreamReaderAgainstModel compares all kinds of queries of a real stream with a model, while
// messages are deleted.
func TestStreamReaderAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 9))
	r := startEmbeddedStore(t, Stream{})
	m := &modelStream{gone: map[uint64]bool{}}
	namespaces := []string{"/", "/a", "/a/b", "/ab", "/c.d/*", "/c.d/>/ü%", "/e"}
	sets := [][]string{{"/"}, {"/a"}, {"/a/b", "/e"}, {"/c.d"}, {"/ab", "/c.d/*"}, {"/none"}, {"/a", "/ab", "/e"}}
	ctx := testContext(t)
	for round := range 60 {
		for range random.IntN(40) {
			m.publish(t, r, namespaces[random.IntN(len(namespaces))], fmt.Sprint(len(m.data)+1, " ", strings.Repeat("x", random.IntN(3000))))
		}
		newest := uint64(len(m.data))
		if newest == 0 {
			continue
		}
		switch {
		case round == 40: // all messages up to a sequence
			until := newest / 3
			if err := r.stream.Purge(ctx, jetstream.WithPurgeSequence(until+1)); err != nil {
				t.Fatal(err)
			}
			for seq := range until + 1 {
				m.gone[seq] = true
			}
		case round > 20 && random.IntN(3) == 0:
			if seq := 1 + uint64(random.IntN(int(newest))); !m.gone[seq] && seq < newest {
				if err := r.stream.DeleteMsg(ctx, seq); err != nil {
					t.Fatal(err)
				}
				m.gone[seq] = true
			}
		}
		set := sets[random.IntN(len(sets))]
		until := newest - uint64(random.IntN(int(min(newest, 5))))
		q := ssed.Query{Set: set, After: uint64(random.IntN(int(until + 1))), Until: until, BytesMax: 1 + random.IntN(20_000)}
		wantAfter := q.After
		switch random.IntN(3) {
		case 0:
			q.Last, q.Newest = 1+random.IntN(30), until+uint64(random.IntN(int(newest-until)+1))
			all := m.kept(set, 0, q.Newest)
			if len(all) > q.Last {
				all = all[len(all)-q.Last:]
			}
			after, seqs, _ := readAll(t, r, q)
			want := slices.DeleteFunc(slices.Clone(all), func(seq uint64) bool { return seq > until })
			if !slices.Equal(seqs, want) || len(m.kept(set, after, q.Newest)) != len(all) {
				t.Fatalf("%q: the last %d up to %d, until %d: after %d %v, want %v", set, q.Last, q.Newest, until, after, seqs, want)
			}
			continue
		case 1:
			since := 1 + random.IntN(int(newest))
			q.Since = m.at[since-1]
			wantAfter = until
			if kept := m.kept(set, uint64(since-1), until); len(kept) > 0 {
				wantAfter = kept[0] - 1
			}
		}
		_, seqs, lost := readAll(t, r, q)
		if want := m.kept(set, wantAfter, until); !slices.Equal(seqs, want) {
			t.Fatalf("%q %+v after %d until %d: %v, want %v", set, q, wantAfter, until, seqs, want)
		}
		if q.Since.IsZero() && (lost > 0) != m.gaps(q.After, until) || lost > until {
			t.Fatalf("%q after %d until %d: lost is %d", set, q.After, until, lost)
		}
	}
}

// TestStreamReaderOfFullNamespaces verifies that, with a limit for each namespace, a loss is
// reported only for namespaces that have reached the limit.
func TestStreamReaderOfFullNamespaces(t *testing.T) {
	r := startEmbeddedStore(t, Stream{PerNamespace: 5})
	m := &modelStream{gone: map[uint64]bool{}}
	for i := range 40 {
		ns := "/busy/" + fmt.Sprint(i%2)
		if i%10 == 0 {
			ns = "/quiet"
		}
		m.publish(t, r, ns, fmt.Sprint(i+1, " x"))
	}
	for _, tt := range []struct {
		set         []string
		after, lost uint64
		want        []uint64
	}{
		{[]string{"/quiet"}, 0, 0, []uint64{1, 11, 21, 31}},
		{[]string{"/busy/0"}, 0, 30, []uint64{33, 35, 37, 39}},
	} {
		_, seqs, lost := readAll(t, r, ssed.Query{Set: tt.set, After: tt.after, Until: 40, BytesMax: 1 << 20})
		if tt.set[0] == "/quiet" && (lost != tt.lost || !slices.Equal(seqs, tt.want)) {
			t.Errorf("%q: %v, lost %d", tt.set, seqs, lost)
		}
		if tt.set[0] != "/quiet" && (lost == 0 || lost >= seqs[0] || len(seqs) != 5) {
			t.Errorf("%q: %v, lost %d", tt.set, seqs, lost)
		}
	}
}

// TestStreamReaderWhileTheStreamIsTrimmed verifies that messages that the stream drops while a part
// is read are reported as lost, like messages that it dropped before.
func TestStreamReaderWhileTheStreamIsTrimmed(t *testing.T) {
	testtool.Long(t, "a stream is trimmed while it is read")
	const messages = 6000
	r := startEmbeddedStore(t, Stream{PerNamespace: 20})
	published := make(chan struct{})
	go func() {
		defer close(published)
		answers := make(answerOnce, messages)
		for i := range messages {
			r.Submit(ssed.PublishRequest{Namespace: []byte("/x"), Data: fmt.Append(nil, i)}, answers)
			if i%10 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		for range messages {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	}()
	for after, reported := uint64(0), uint64(0); after < messages; {
		until := r.Newest()
		if until == after {
			time.Sleep(time.Millisecond)
			continue
		}
		part, err := r.Read(testContext(t), ssed.Query{Set: []string{"/x"}, After: after, Until: until, BytesMax: 200})
		if err != nil {
			t.Fatal(err)
		}
		reported = max(reported, part.Lost)
		for _, end := range part.Ends {
			if end.Seq != after+1 && end.Seq-1 > reported {
				t.Fatalf("%d comes after %d, but lost is only %d", end.Seq, after, reported)
			}
			after = end.Seq
		}
		if part.Last {
			if until > max(after, reported) {
				t.Fatalf("the last part ends with %d, until %d, but lost is only %d", after, until, reported)
			}
			after = until
		}
	}
	<-published
}

// TestFirstOf verifies that the start is never before the stream's first message, nor more than one
// after its last.
func TestFirstOf(t *testing.T) {
	for _, tt := range []struct {
		first, last uint64
		preload     int
		want        uint64
	}{
		{0, 0, 100, 1}, {1, 0, 100, 1}, {1, 50, 100, 1}, {1, 500, 100, 401}, {450, 500, 100, 450}, {501, 500, 100, 501}, {1, 500, -1, 501},
	} {
		if got := firstOf(jetstream.StreamState{FirstSeq: tt.first, LastSeq: tt.last}, tt.preload); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
}
