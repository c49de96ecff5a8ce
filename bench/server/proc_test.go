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

// onThread calls f on a thread that exits afterwards. The first thread of a process never exits, so
// onThread does not use it.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked, so the thread exits
		if unix.Gettid() != os.Getpid() {
			f()
			return
		}
		onThread(f)
		runtime.UnlockOSThread()
	}()
	<-done
}

// used returns how much processor time the thread has used.
func used(t *testing.T) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		t.Error(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// work keeps the thread busy until it has used the given processor time: the first half in user
// mode, the second half in the kernel.
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

// TestWorkOfCountsExitedThreads verifies that WorkOf counts threads that have exited. The
// scheduler's fine sums lose them, but the coarse sum does not.
func TestWorkOfCountsExitedThreads(t *testing.T) {
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
	testtool.WaitFor(t, "the exit of the thread", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
		return os.IsNotExist(err)
	})
	fine, err := scheduled(os.Getpid())
	if err != nil || fine-fineBefore > enough/2 {
		t.Fatalf("the living threads used %v more, %v: the test is not effective", fine-fineBefore, err)
	}
	after, err := WorkOf(os.Getpid())
	const ticks = 40 * time.Millisecond // rounding on both sides, and the tolerance of WorkOf
	if err != nil || after-before < enough-ticks {
		t.Errorf("%v more, %v, after %v of work", after-before, err, enough)
	}
}

// TestBusyTimeOfAProcessor runs a busy thread on one processor, and compares its work with the busy
// time of that processor and of all processors.
func TestBusyTimeOfAProcessor(t *testing.T) {
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
	const ticks = 100 * time.Millisecond // rounding on both sides
	if most := time.Since(began) + ticks; here < enough-ticks || here > most {
		t.Errorf("processor %d worked for %v, want at least %v and at most %v", cpu, here, enough, most)
	}
	if all < here-ticks {
		t.Errorf("all processors worked for %v, but one of them for %v", all, here)
	}
	if _, err := Busy(1 << 20); err == nil {
		t.Error("Busy succeeded for a processor that does not exist")
	}
}
