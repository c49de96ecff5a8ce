package server

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// onThread calls f on a thread that ends with it. The first thread of a process never ends, so it
// is kept out of the way.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		if unix.Gettid() != os.Getpid() {
			f()
			return
		}
		onThread(f)
		runtime.UnlockOSThread()
	}()
	<-done
}

// used returns how much of a processor the thread has had.
func used(t *testing.T) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		t.Error(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// work keeps the thread busy until it has had so much of a processor: the first half of it outside
// of the kernel, then within.
func work(t *testing.T, enough time.Duration) {
	zeroes, err := os.Open("/dev/zero")
	if err != nil {
		t.Error(err)
		return
	}
	defer zeroes.Close()
	buffer := make([]byte, 1<<20)
	first, deadline := used(t), time.Now().Add(testtool.Patience)
	for sum := time.Duration(0); sum <= enough; sum = used(t) - first {
		if sum > enough/2 {
			_, err = zeroes.Read(buffer)
		}
		for i := 0; sum <= enough/2 && i < 1<<20; i++ {
			_ = i * i
		}
		if err != nil || time.Now().After(deadline) {
			t.Errorf("%v of work in %v: %v", sum, testtool.Patience, err)
			return
		}
	}
}

// TestThreadsThatEndedCount: the scheduler's fine sums lose them, and the coarse one does not.
func TestThreadsThatEndedCount(t *testing.T) {
	const enough = 300 * time.Millisecond
	before, err := WorkOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	fineBefore, err := scheduled(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var thread int
	onThread(func() {
		thread = unix.Gettid()
		work(t, enough)
	})
	testtool.WaitFor(t, "the thread's end", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
		return os.IsNotExist(err)
	})
	fine, err := scheduled(os.Getpid())
	if err != nil || fine-fineBefore > enough/2 {
		t.Fatalf("the threads that live used %v more, %v: this tests nothing", fine-fineBefore, err)
	}
	after, err := WorkOf(os.Getpid())
	const ticks = 40 * time.Millisecond // to either side, and what WorkOf forgives
	if err != nil || after-before < enough-ticks {
		t.Errorf("%v more, %v, after %v of work", after-before, err, enough)
	}
}

// TestBusyCountsWhatWorksThere has a thread work on one processor, and compares that with what the
// processor says, and all together.
func TestBusyCountsWhatWorksThere(t *testing.T) {
	const enough = 300 * time.Millisecond
	cpu := processors(t)[0]
	var one unix.CPUSet
	one.Set(cpu)
	busy := func(cpu int) time.Duration {
		t.Helper()
		d, err := Busy(cpu)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	began, before, beforeAll := time.Now(), busy(cpu), busy(-1)
	onThread(func() {
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Error(err)
		}
		work(t, enough)
	})
	here, all := busy(cpu)-before, busy(-1)-beforeAll
	const ticks = 100 * time.Millisecond // that came just before or after
	if most := time.Since(began) + ticks; here < enough-ticks || here > most {
		t.Errorf("processor %d worked for %v, want at least %v and at most %v", cpu, here, enough, most)
	}
	if all < here-ticks {
		t.Errorf("all processors worked for %v, and one of them for %v", all, here)
	}
	if _, err := Busy(1 << 20); err == nil {
		t.Error("a processor that is not there has worked")
	}
}
