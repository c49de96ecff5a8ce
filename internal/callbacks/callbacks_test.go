package callbacks

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const patience = 10 * time.Second

// TestMissedWakesRun verifies that a miss wakes Run. Run may make its last call between the moment
// when Admit reads the number of pending calls and the moment when Admit counts the miss. Then no
// other event wakes Run.
func TestMissedWakesRun(t *testing.T) {
	missed := make(chan int)
	q := New(Funcs[string]{Missed: func(began, _ int) { missed <- began }}, 1)
	go q.Run()
	q.pending.Store(1) // the number that Admit reads; no call is pending
	for range 100 {    // in the first rounds Run may not be asleep yet
		if q.Admit() {
			t.Fatal("Admit accepts more calls than max")
		}
		select {
		case n := <-missed:
			if n != 1 {
				t.Fatalf("Missed gets %d, want 1", n)
			}
		case <-time.After(patience):
			t.Fatal("Missed is not called")
		}
	}
}

// TestNewWithoutFunctions verifies that New returns nil, a valid Queue, if there are no functions.
func TestNewWithoutFunctions(t *testing.T) {
	q := New(Funcs[int]{}, 5)
	if q != nil || q.Pending() != 0 {
		t.Errorf("New returns %v, want nil", q)
	}
}

// TestPairs verifies that no function is called for a thing that was not admitted, and that all
// calls for the others are made in order, including calls reported while a function blocks.
func TestPairs(t *testing.T) {
	var calls []string
	release := make(chan struct{})
	q := New(Funcs[int]{
		Began: func(n int) {
			<-release
			calls = append(calls, fmt.Sprint("began ", n))
		},
		Ended:  func(n int, reason string) { calls = append(calls, fmt.Sprint(reason, " ", n)) },
		Missed: func(began, ended int) { calls = append(calls, fmt.Sprint("missed ", began, " ", ended)) },
	}, 2)
	for n := range 3 {
		if q.Admit() != (n < 2) {
			t.Fatalf("wrong result of Admit for thing %d", n)
		}
		if n < 2 {
			q.Began(n)
		}
	}
	q.Ended(0, "left")
	q.MissedEnd()
	q.Ended(1, "kicked")
	if q.Pending() != 4 {
		t.Errorf("%d calls are pending, want 4", q.Pending())
	}
	go q.Run()
	close(release)
	if !q.Finish(nil) {
		t.Error("Finish returned false")
	}
	want := []string{"began 0", "began 1", "left 0", "kicked 1", "missed 1 1"}
	if !slices.Equal(calls, want) || q.Pending() != 0 {
		t.Errorf("the calls were %q, want %q; %d are pending", calls, want, q.Pending())
	}
}

// TestAbandon verifies that no further call is made after the deadline.
func TestAbandon(t *testing.T) {
	entered, release := make(chan int, 9), make(chan struct{})
	q := New(Funcs[int]{Began: func(n int) {
		entered <- n
		<-release
	}}, 9)
	for n := range 3 {
		q.Began(n)
	}
	go q.Run()
	<-entered
	deadline := make(chan struct{})
	close(deadline)
	if q.Finish(deadline) || q.Pending() != 3 {
		t.Errorf("Finish returned true, or %d calls are pending, want 3", q.Pending())
	}
	close(release)
	select {
	case <-q.done:
	case <-time.After(patience):
		t.Fatal("Run does not return")
	}
	if len(entered) != 0 {
		t.Errorf("%d more calls were made", len(entered))
	}
}
