package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/publish"
)

func testMailbox(t *testing.T, bytesMax int) *mailbox {
	wakeup, err := newWakeup()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wakeup.close)
	return newMailbox(bytesMax, wakeup)
}

// TestRecords verifies that records are read as they were written.
func TestRecords(t *testing.T) {
	records := appendRecord(nil, 0, []byte("/pets"), nil, []byte("new-dog"), []byte("Corgi"))
	records = appendRecord(records, 7, []byte("/"), []byte("id:e-7\n"), nil, []byte("a\nb"))
	records = appendRecord(records, 1<<60, nil, nil, nil, []byte("a\nword"))
	for _, want := range []record{
		{0, []byte("/pets"), []byte("event:new-dog\ndata:Corgi\n\n")},
		{7, []byte("/"), []byte("id:e-7\ndata:a\ndata:b\n\n")},
		{1 << 60, nil, []byte("a\nword")},
	} {
		var got record
		got, records = nextRecord(records)
		if got.seq != want.seq || !bytes.Equal(got.namespace, want.namespace) || !bytes.Equal(got.frame, want.frame) {
			t.Errorf("got %d %q %q, want %d %q %q", got.seq, got.namespace, got.frame, want.seq, want.namespace, want.frame)
		}
	}
	if len(records) > 0 {
		t.Errorf("%d bytes are left after the last record", len(records))
	}
}

// TestMailboxLosesNothing lets many goroutines put messages into a small mailbox while another
// goroutine empties it. All messages must come out, each sender's in order. The mailbox must never
// hold much more than its limit.
func TestMailboxLosesNothing(t *testing.T) {
	const senders, each, limit = 8, 2000, 1000
	m := testMailbox(t, limit)
	var wait sync.WaitGroup
	for s := range senders {
		wait.Go(func() {
			for i := range each {
				if _, err := m.put(context.Background(), fmt.Appendf(nil, "/%d", s), nil, fmt.Append(nil, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	next := make([]int, senders)
	var spare []byte
	for got := 0; got < senders*each; {
		records := m.swap(spare)
		spare = records
		if len(records) > limit+100 {
			t.Fatalf("the mailbox held %d bytes, %d are allowed", len(records), limit)
		}
		for len(records) > 0 {
			var r record
			r, records = nextRecord(records)
			var s, i int
			fmt.Sscanf(string(r.namespace), "/%d", &s)
			fmt.Sscanf(string(r.frame), "data:%d", &i)
			if i != next[s] {
				t.Fatalf("sender %d: got message %d, want %d", s, i, next[s])
			}
			next[s]++
			got++
		}
	}
	wait.Wait()
	if m.count != senders*each {
		t.Errorf("the mailbox counted %d messages", m.count)
	}
}

// TestFullMailboxBlocksSenders verifies that a sender waits while the mailbox is full, until its
// context ends or the mailbox is closed.
func TestFullMailboxBlocksSenders(t *testing.T) {
	m := testMailbox(t, 100)
	big := bytes.Repeat([]byte("x"), 500)
	if _, err := m.put(context.Background(), []byte("/"), nil, big); err != nil {
		t.Fatal("an empty mailbox must accept a message larger than its limit:", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := m.put(ctx, []byte("/"), nil, big); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("put into a full mailbox: %v", err)
	}
	waiting := make(chan error)
	go func() {
		_, err := m.put(context.Background(), []byte("/"), nil, big)
		waiting <- err
	}()
	m.close()
	if err := <-waiting; !errors.Is(err, publish.ErrBusy) {
		t.Errorf("the waiting put returned %v after the mailbox was closed", err)
	}
	if records := m.swap(nil); len(records) < 500 {
		t.Error("a message that was accepted before the end is lost")
	}
}

// TestMailboxFreesTheBuffersOfAFlood verifies that both buffers that a flood has filled are freed
// after it, but not by a few small messages between large ones.
func TestMailboxFreesTheBuffersOfAFlood(t *testing.T) {
	m := testMailbox(t, 1<<30)
	var records []byte
	next := func(bytes int) {
		t.Helper()
		if _, err := m.put(context.Background(), []byte("/"), nil, make([]byte, bytes)); err != nil {
			t.Fatal(err)
		}
		records = m.swap(records)
	}
	const flood = 8 * spareBytesMax
	for range 3 {
		next(flood)
		next(flood)
		for range smallMax - 1 {
			next(1)
		}
		if cap(m.records) < flood || cap(records) < flood {
			t.Fatalf("buffers of %d and %d bytes are left between two parts of a flood", cap(m.records), cap(records))
		}
	}
	next(1)
	next(1)
	if cap(m.records) > spareBytesMax || cap(records) > spareBytesMax {
		t.Errorf("buffers of %d and %d bytes are left after a flood", cap(m.records), cap(records))
	}
}
