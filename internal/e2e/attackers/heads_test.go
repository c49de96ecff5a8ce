package attackers

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// TestSilence: thousands of connections that never say a word, from several
// addresses. Each is told why when its time is over, and is gone though it
// keeps its own end open.
func TestSilence(t *testing.T) {
	testtool.Long(t, "it holds as many connections as the process can, twice the time-out of a head")
	s := startAttack(t)
	crowd := s.crowd(t, testtool.Fewer(crowdMax(t)), "")
	eachOf(t, crowd, isLate)
	s.wantGone(t, headerTimeout+lingerTime)
	s.wantPeace(t, bound(len(crowd), 0))
}

// isLate wants an attacker to be told that its time is over.
func isLate(a *attacker) error { return a.isTold(408, "did not arrive within 2s") }

// crowdMax is 20,000, or what the limit on open files leaves this process and
// the daemon, which is under the same limit, and keeps some for itself.
func crowdMax(t *testing.T) int {
	t.Helper()
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	n := min(20_000, int(min(files.Max, 1<<20))-1000)
	if n < 100 {
		testtool.Lack(t, "the limit of %d open files leaves no crowd: raise it (ulimit -Hn)", files.Max)
	}
	return n
}

// TestUnfinishedHeads hold as much of the daemon's memory as a pending connection can: all
// of a head but its last byte.
func TestUnfinishedHeads(t *testing.T) {
	testtool.Long(t, "it waits for two time-outs")
	s := startAttack(t)
	head := get(common)
	head = head[:len(head)-2] + "X-Long: "
	head += strings.Repeat("x", headBytesMax-len(head)-1)
	crowd := s.crowd(t, testtool.Fewer(2000), head)
	eachOf(t, crowd, isLate)
	s.wantGone(t, headerTimeout+lingerTime)
	s.wantPeace(t, bound(len(crowd), headBytesMax))
}

// TestDribbledHeads: a byte each 100 ms is progress, and yet not enough. They go
// on with it after the answer.
func TestDribbledHeads(t *testing.T) {
	testtool.Long(t, "heads come byte by byte for seconds")
	t.Parallel()
	s := startAttack(t)
	crowd := s.crowd(t, 200, "")
	head := get("/" + strings.Repeat("dribble", 40))
	start, pace := time.Now(), time.NewTicker(100*time.Millisecond)
	defer pace.Stop()
	for i := 0; time.Since(start) < headerTimeout+lingerTime/2; i++ {
		for _, a := range crowd {
			a.send(t, head[i:i+1])
		}
		<-pace.C
	}
	eachOf(t, crowd, isLate)
	s.wantGone(t, lingerTime)
	s.wantPeace(t, bound(len(crowd), headBytesMax))
}

// TestTooManyConnections: what comes above --max-conns and a small reserve is
// closed at once, so the daemon never runs out of descriptors; and when those
// that were let in are gone, the next are.
func TestTooManyConnections(t *testing.T) {
	testtool.Long(t, "it waits for two time-outs")
	const connsMax, reserve = 200, 128
	s := startAttack(t, "--max-conns=200")
	crowd := s.crowd(t, 1000, "")
	told := 0
	for _, a := range crowd {
		if got, err := a.readAnswer("GET"); err == nil && got.status == 408 {
			told++
		}
	}
	// The bystander and its publisher are two of those that there may be.
	if told < connsMax-2 || told > connsMax+reserve {
		t.Errorf("%d connections were let in, want %d to %d", told, connsMax-2, connsMax+reserve)
	}
	s.wantGone(t, headerTimeout+lingerTime)
	s.wantPeace(t, bound(len(crowd), 0))
}

// TestStormAtTheLimit: as many connections as there may be are held, and others
// come and go as fast as they can. The daemon is given as few descriptors as it
// has by default for its --max-conns: 256 more. It must not run out of them,
// since accepting ends then, for good and for all.
func TestStormAtTheLimit(t *testing.T) {
	testtool.Long(t, "thousands of clients storm the daemon for seconds")
	const connsMax, reserve = 300, 256
	s := startAttack(t, "--max-conns=300")
	files := unix.Rlimit{Cur: connsMax + reserve, Max: connsMax + reserve}
	if err := unix.Prlimit(s.daemon.Process.Pid, unix.RLIMIT_NOFILE, &files, nil); err != nil {
		t.Fatal(err)
	}
	held := s.crowd(t, connsMax+reserve/2, "")
	stop := time.Now().Add(headerTimeout / 2)
	failed, err := testtool.AtATime(20_000, func(i int) error {
		if time.Now().After(stop) {
			return nil
		}
		a, err := s.connect(t, i)
		if err == nil {
			err = a.reset()
		}
		return err
	})
	if err != nil {
		t.Errorf("%d connections of the storm failed: %v", failed, err)
	}
	s.wantGone(t, headerTimeout+lingerTime)
	s.wantPeace(t, bound(len(held)+reserve, 0))
}
