package callbacks

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const patience = 10 * time.Second

// TestMissedWakesRun: between the moment when Admit sees how many wait and the moment
// when it counts what is missed, Run may have run out of calls. Nothing else wakes it then.
func TestMissedWakesRun(t *testing.T) {
	told := make(chan int)
	q := New(Funcs[string]{Missed: func(began, _ int) { told <- began }}, 1)
	go q.Run()
	q.pending.Store(1) // what Admit sees, and is no more
	for range 100 {    // the first ones may find it awake
		if q.Admit() {
			t.Fatal("it admits more than may wait")
		}
		select {
		case n := <-told:
			if n != 1 {
				t.Fatalf("it is told of %d", n)
			}
		case <-time.After(patience):
			t.Fatal("Missed is not called")
		}
	}
}

func TestNobodyToCall(t *testing.T) {
	q := New(Funcs[int]{}, 5)
	if q != nil || q.Pending() != 0 {
		t.Errorf("%v", q)
	}
}

// TestPairs: of a thing that is not admitted nothing is called, of the others everything,
// in order, also what is reported while a function does not return.
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
			t.Fatalf("thing %d", n)
		}
		if n < 2 {
			q.Began(n)
		}
	}
	q.Ended(0, "left")
	q.MissedEnd()
	q.Ended(1, "kicked")
	if q.Pending() != 4 {
		t.Errorf("%d calls wait, 4 should", q.Pending())
	}
	go q.Run()
	close(release)
	if !q.Finish(nil) {
		t.Error("it did not finish")
	}
	want := []string{"began 0", "began 1", "left 0", "kicked 1", "missed 1 1"}
	if !slices.Equal(calls, want) || q.Pending() != 0 {
		t.Errorf("the calls were %q, and %d wait", calls, q.Pending())
	}
}

// TestAbandon: after the deadline the call that is under way is the last.
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
		t.Errorf("it finished, or %d calls wait", q.Pending())
	}
	close(release)
	select {
	case <-q.done:
	case <-time.After(patience):
		t.Fatal("Run goes on")
	}
	if len(entered) != 0 {
		t.Errorf("%d more calls", len(entered))
	}
}
